// Batches to one Export…ServiceRequest: consecutive rows of equal resource, scope and metric share an
// envelope. Fields stand in the order of their numbers, as protobuf's own serializer writes them.
#pragma once

#include "logs_writer.hpp"
#include "points_writer.hpp"
#include "spans_writer.hpp"

namespace aura {

// Batches must live until the request was finished.
template <class Records>
class RequestWriter {
 public:
  void add(const ArrowArray& batch) {
    typename Records::Cells cells{Fields(Slice(batch))};
    auto rows = static_cast<size_t>(batch.length);
    for (size_t row = 0; row < rows; ++row, ++rows_) {
      Bytes resource = cells.resource[row], scope = cells.scope[row];
      if (!begun_ || resource != resource_) {
        end_resource();
        begin_resource(resource);
        begin_scope(scope);
      } else if (scope != scope_) {
        end_scope();
        begin_scope(scope);
      }
      records_.write(out_, cells, row);
    }
  }

  Buffer finish() {
    end_resource();
    return std::move(out_.out());
  }

  size_t rows() const { return rows_; }

 private:
  static constexpr size_t kLength = 3;  // of most resources and scopes with their records: to 2 MiB

  void begin_resource(Bytes text) {
    begun_ = true;
    resource_ = text;
    resource_start_ = out_.open(tag(1, kBytes), kLength);
    size_t start = out_.open(tag(1, kBytes), 2);
    resource_url_ = EnvelopeWriter(out_, text).write_resource();
    out_.close(start, 2);
  }

  void begin_scope(Bytes text) {
    scope_ = text;
    scope_start_ = out_.open(tag(2, kBytes), kLength);
    size_t start = out_.open(tag(1, kBytes));
    scope_url_ = EnvelopeWriter(out_, text).write_scope();
    out_.close(start);
  }

  void end_scope() {
    records_.end(out_);
    write_bytes(out_, tag(3, kBytes), scope_url_);
    out_.close(scope_start_, kLength);
  }

  void end_resource() {
    if (!begun_) return;
    end_scope();
    write_bytes(out_, tag(3, kBytes), resource_url_);
    out_.close(resource_start_, kLength);
  }

  WireWriter out_;
  Records records_;
  bool begun_ = false;
  Bytes resource_, scope_;
  std::string resource_url_, scope_url_;
  size_t resource_start_ = 0, scope_start_ = 0, rows_ = 0;
};

}  // namespace aura
