// The text of a resource and of a scope, as `pipeline/envelope.py` writes it.
#pragma once

#include <string>
#include <vector>

#include "value.hpp"

namespace aura {

// An attribute as JSON: its key, type and value text.
inline void write_attribute(Buffer& out, const Attribute& attribute) {
  out.push('[');
  write_json_text(out, attribute.key);
  out.push(',');
  out.push(static_cast<char>('0' + attribute.value.type));
  out.push(',');
  if (attribute.value.type == kString) {
    write_json_text(out, attribute.value.bytes);
  } else if (attribute.value.type == kInt) {
    out.push('"');
    write_int(out, static_cast<int64_t>(attribute.value.bits));
    out.push('"');
  } else {
    Buffer text;
    write_text(text, attribute.value);
    write_json_text(out, Bytes(text.data(), text.size()));
  }
  out.push(']');
}

// A JSON list of attributes, begun and ended here so that they may come one by one. Unless it is kept
// it is checked only, as everything below.
template <bool keep>
class AttributeList {
 public:
  explicit AttributeList(Buffer& out) : out_(out) {
    if (keep) out_.push('[');
  }
  void add(Reader attribute) {
    if constexpr (keep) {
      if (!std::exchange(first_, false)) out_.push(',');
      write_attribute(out_, read_attribute(attribute));
    } else {
      UsualAttribute usual;
      if (!usual.read(attribute)) check_value(read_attribute(attribute).value);
    }
  }
  void end() {
    if (keep) out_.push(']');
  }

 private:
  Buffer& out_;
  bool first_ = true;
};

inline void write_texts(Buffer& out, const char* key, const std::vector<Bytes>& texts) {
  out.append(key);
  out.push('[');
  for (size_t index = 0; index < texts.size(); ++index) {
    if (index > 0) out.push(',');
    write_json_text(out, texts[index]);
  }
  out.push(']');
}

template <bool keep>
void write_entity_ref(Buffer& out, Reader in) {
  Bytes schema_url, type;
  std::vector<Bytes> ids, descriptions;
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): schema_url = in.text(); break;
      case tag(2, kBytes): type = in.text(); break;
      case tag(3, kBytes): ids.push_back(in.text()); break;
      case tag(4, kBytes): descriptions.push_back(in.text()); break;
      default: in.skip(found);
    }
  }
  if (!keep) return;
  out.append("{\"schema_url\":");
  write_json_text(out, schema_url);
  out.append(",\"type\":");
  write_json_text(out, type);
  write_texts(out, ",\"id_keys\":", ids);
  write_texts(out, ",\"description_keys\":", descriptions);
  out.push('}');
}

inline void write_counted(Buffer& out, uint32_t dropped, Bytes schema_url) {
  if (dropped != 0) {
    out.append(",\"dropped_attributes_count\":");
    write_int(out, dropped);
  }
  if (!schema_url.empty()) {
    out.append(",\"schema_url\":");
    write_json_text(out, schema_url);
  }
}

template <bool keep>
void write_resource(Buffer& out, Reader in, Bytes schema_url) {
  uint32_t dropped = 0;
  std::vector<Reader> refs;
  if (keep) out.append("{\"attributes\":");
  AttributeList<keep> attributes(out);
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): attributes.add(in.message()); break;
      case tag(2, kVarint): dropped = in.varint32(); break;
      case tag(3, kBytes): refs.push_back(in.message()); break;
      default: in.skip(found);
    }
  }
  attributes.end();
  if (keep) write_counted(out, dropped, schema_url);
  for (size_t index = 0; index < refs.size(); ++index) {
    if (keep) out.append(index == 0 ? ",\"entity_refs\":[" : ",");
    write_entity_ref<keep>(out, refs[index]);
  }
  if (!keep) return;
  if (!refs.empty()) out.push(']');
  out.push('}');
}

template <bool keep>
void write_scope(Buffer& out, Reader in, Bytes schema_url) {
  Bytes name, version;
  uint32_t dropped = 0;
  Buffer listed;  // name and version stand before the attributes, wherever the wire has them
  AttributeList<keep> attributes(listed);
  while (uint32_t found = in.next()) {
    switch (found) {
      case tag(1, kBytes): name = in.text(); break;
      case tag(2, kBytes): version = in.text(); break;
      case tag(3, kBytes): attributes.add(in.message()); break;
      case tag(4, kVarint): dropped = in.varint32(); break;
      default: in.skip(found);
    }
  }
  if (!keep) return;
  attributes.end();
  out.push('{');
  if (!name.empty()) {
    out.append("\"name\":");
    write_json_text(out, name);
    out.push(',');
  }
  if (!version.empty()) {
    out.append("\"version\":");
    write_json_text(out, version);
    out.push(',');
  }
  out.append("\"attributes\":");
  out.append(Bytes(listed.data(), listed.size()));
  write_counted(out, dropped, schema_url);
  out.push('}');
}

}  // namespace aura
