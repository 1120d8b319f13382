// Resource and scope: the texts of `pipeline/envelope.py` to OTLP's messages.
#pragma once

#include "value_writer.hpp"

namespace aura {

// Reads such a text and writes what it says; other keys are left out.
class EnvelopeWriter {
 public:
  EnvelopeWriter(WireWriter& out, Bytes json) : out_(out), in_(json) {}

  // Both return the schema URL, which stands in the message around.
  std::string write_resource() {
    each_key([&](Bytes key) {
      if (key == "attributes") {
        attributes(tag(1, kBytes));
      } else if (key == "dropped_attributes_count") {
        write_varint(out_, tag(2, kVarint), integer_of<uint32_t>(in_.number()));
      } else if (key == "entity_refs") {
        each_item([&] { entity_ref(); });
      } else {
        shared(key);
      }
    });
    return ended();
  }

  std::string write_scope() {
    each_key([&](Bytes key) {
      if (key == "name") {
        text(tag(1, kBytes));
      } else if (key == "version") {
        text(tag(2, kBytes));
      } else if (key == "attributes") {
        attributes(tag(3, kBytes));
      } else if (key == "dropped_attributes_count") {
        write_varint(out_, tag(4, kVarint), integer_of<uint32_t>(in_.number()));
      } else {
        shared(key);
      }
    });
    return ended();
  }

  // A list of attributes alone, as a metric's metadata is.
  void write_attributes(uint32_t tag) {
    attributes(tag);
    if (!in_.done()) unclear();
  }

 private:
  template <class Run>
  void each_key(Run run) {
    in_.expect('{');
    if (in_.take('}')) return;
    do {
      JsonText key = in_.text();
      in_.expect(':');
      run(key.raw);
    } while (in_.more('}'));
  }

  template <class Run>
  void each_item(Run run) {
    in_.expect('[');
    if (in_.take(']')) return;
    do {
      run();
    } while (in_.more(']'));
  }

  // Each is [key, type, text].
  void attributes(uint32_t tag_of_them) {
    each_item([&] {
      size_t start = out_.open(tag_of_them);
      in_.expect('[');
      text(tag(1, kBytes));
      in_.expect(',');
      auto type = integer_of<uint32_t>(in_.number());
      in_.expect(',');
      write_value(out_, tag(2, kBytes), static_cast<uint8_t>(type), in_.plain(in_.text()));
      in_.expect(']');
      out_.close(start);
    });
  }

  void entity_ref() {
    size_t start = out_.open(tag(3, kBytes));
    each_key([&](Bytes key) {
      if (key == "schema_url") {
        text(tag(1, kBytes));
      } else if (key == "type") {
        text(tag(2, kBytes));
      } else if (key == "id_keys") {
        each_item([&] { write_unescaped(out_, tag(3, kBytes), in_.text()); });
      } else if (key == "description_keys") {
        each_item([&] { write_unescaped(out_, tag(4, kBytes), in_.text()); });
      } else {
        in_.skip();
      }
    });
    out_.close(start);
  }

  void text(uint32_t tag) {
    JsonText found = in_.text();
    if (!found.raw.empty()) write_unescaped(out_, tag, found);
  }

  void shared(Bytes key) {
    if (key == "schema_url") {
      schema_url_ = in_.plain(in_.text());
    } else {
      in_.skip();
    }
  }

  std::string ended() {
    if (!in_.done()) unclear();
    return std::move(schema_url_);
  }

  WireWriter& out_;
  JsonCursor in_;
  std::string schema_url_;
};

}  // namespace aura
