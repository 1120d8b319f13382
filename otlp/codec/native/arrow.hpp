// Columns handed over by the Arrow C data interface (arrow.apache.org, "The Arrow C data interface"):
// the struct is its ABI, the rest is how the buffers live until the last array of theirs is released.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <vector>

#include "buffer.hpp"

struct ArrowArray {
  int64_t length;
  int64_t null_count;
  int64_t offset;
  int64_t n_buffers;
  int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

namespace aura {

// One batch on its way out: it owns all buffers, and goes when its last array was released.
class Handover {
 public:
  // Takes the buffers; a null one stands for "all values are valid".
  ArrowArray* array(size_t length, size_t nulls, std::initializer_list<Buffer*> buffers,
                    std::vector<ArrowArray*> children = {}, ArrowArray* dictionary = nullptr) {
    Node& node = nodes_.emplace_back();
    size_t count = 0;
    for (Buffer* buffer : buffers) {
      node.pointers[count++] = buffer == nullptr ? nullptr : kept(std::move(*buffer));
    }
    node.children = std::move(children);
    node.array = {static_cast<int64_t>(length), static_cast<int64_t>(nulls), 0,
                  static_cast<int64_t>(count),
                  static_cast<int64_t>(node.children.size()), node.pointers.data(), node.children.data(), dictionary, release, this};
    ++alive_;
    return &node.array;
  }

 private:
  struct Node {
    ArrowArray array;
    std::array<const void*, 3> pointers;
    std::vector<ArrowArray*> children;
  };

  const void* kept(Buffer buffer) {
    // An address even where there is nothing: of no values, or of the one offset of no texts.
    alignas(64) static const char kNothing[64] = {};
    if (buffer.size() == 0) return kNothing;
    return buffers_.emplace_back(std::move(buffer)).data();
  }

  static void release(ArrowArray* array) {
    for (int64_t index = 0; index < array->n_children; ++index) drop(array->children[index]);
    if (array->dictionary != nullptr) drop(array->dictionary);
    array->release = nullptr;
    auto self = static_cast<Handover*>(array->private_data);
    if (--self->alive_ == 0) delete self;
  }

  static void drop(ArrowArray* array) {
    if (array->release != nullptr) array->release(array);
  }

  std::deque<Node> nodes_;
  std::deque<Buffer> buffers_;
  std::atomic<size_t> alive_{0};
};

}  // namespace aura
