// What Python's calls have in common.
//
// Built for the stable ABI, so that one wheel serves every Python from 3.11 on.
#pragma once

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <new>
#include <stdexcept>

#include "batch.hpp"

namespace aura {

// Handing the interpreter to another thread and asking for it again costs more than reading this.
constexpr size_t kReadHoldingGil = 4096;

class WithoutGil {
 public:
  explicit WithoutGil(size_t bytes) : state_(bytes > kReadHoldingGil ? PyEval_SaveThread() : nullptr) {}
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;
  ~WithoutGil() {
    if (state_ != nullptr) PyEval_RestoreThread(state_);
  }

 private:
  PyThreadState* state_;
};

// Runs what may throw, as Python's own errors.
template <class Run>
PyObject* guarded(Run run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_OverflowError, error.what());
    return nullptr;
  }
}

inline bool bytes_of(PyObject* object, Bytes& bytes) {
  char* data = nullptr;
  Py_ssize_t size = 0;
  if (PyBytes_AsStringAndSize(object, &data, &size) < 0) return false;
  bytes = Bytes(data, static_cast<size_t>(size));
  return true;
}

inline bool signal_of(int number, Signal& signal) {
  if (number < kTraces || number > kMetrics) {
    PyErr_SetString(PyExc_ValueError, "signal must be 0 (traces), 1 (logs) or 2 (metrics)");
    return false;
  }
  signal = static_cast<Signal>(number);
  return true;
}

inline bool unsigned_of(PyObject* object, uint64_t& number) {
  number = PyLong_AsUnsignedLongLong(object);
  return PyErr_Occurred() == nullptr;
}

}  // namespace aura
