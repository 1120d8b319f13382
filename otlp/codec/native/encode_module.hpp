// The function of the Python module that writes requests.
#pragma once

#include <string>
#include <vector>

#include "python.hpp"
#include "request_writer.hpp"

namespace aura {

constexpr size_t kRowBytes = 256;  // about

// Returns the arrays of capsules (arrow.apache.org, "The Arrow PyCapsule Interface"), which keep them.
inline bool arrays_of(PyObject* capsules, std::vector<const ArrowArray*>& arrays) {
  Py_ssize_t count = PyTuple_Size(capsules);
  for (Py_ssize_t index = 0; index < count; ++index) {
    PyObject* capsule = PyTuple_GetItem(capsules, index);
    auto array = static_cast<const ArrowArray*>(PyCapsule_GetPointer(capsule, "arrow_array"));
    if (array == nullptr) return false;
    arrays.push_back(array);
  }
  return count >= 0;
}

template <class Records>
PyObject* encoded(const std::vector<const ArrowArray*>& arrays) {
  RequestWriter<Records> request;
  Buffer payload;
  try {
    size_t rows = 0;
    for (const ArrowArray* array : arrays) rows += static_cast<size_t>(array->length);
    WithoutGil released(rows * kRowBytes);
    for (const ArrowArray* array : arrays) request.add(*array);
    payload = request.finish();
  } catch (const Unclear&) {
    std::string what = "row " + std::to_string(request.rows()) + " holds a text that is none of ours";
    PyErr_SetString(PyExc_ValueError, what.c_str());
    return nullptr;
  }
  return PyBytes_FromStringAndSize(payload.data(), static_cast<Py_ssize_t>(payload.size()));
}

inline PyObject* encode(PyObject*, PyObject* arguments) {
  int number = 0;
  PyObject* capsules = nullptr;
  if (!PyArg_ParseTuple(arguments, "iO:encode", &number, &capsules)) return nullptr;
  Signal signal{};
  if (!signal_of(number, signal)) return nullptr;
  return guarded([&]() -> PyObject* {
    std::vector<const ArrowArray*> arrays;
    if (!arrays_of(capsules, arrays)) return nullptr;
    switch (signal) {
      case kTraces: return encoded<SpansWriter>(arrays);
      case kLogs: return encoded<LogsWriter>(arrays);
      default: return encoded<PointsWriter>(arrays);
    }
  });
}

}  // namespace aura
