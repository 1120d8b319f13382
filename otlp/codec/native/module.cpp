// The Python module `otlp.codec._native`; its types and promises stand in `_native.pyi`.
#include "python.hpp"

#include "batch.hpp"
#include "encode_module.hpp"
#include "json_module.hpp"

namespace {

using aura::Bytes;
using aura::bytes_of;
using aura::guarded;
using aura::signal_of;
using aura::unsigned_of;
using aura::WithoutGil;

PyObject* check(PyObject*, PyObject* arguments) {
  int number = 0;
  PyObject* payload = nullptr;
  if (!PyArg_ParseTuple(arguments, "iO:check", &number, &payload)) return nullptr;
  aura::Signal signal{};
  Bytes bytes;
  if (!signal_of(number, signal) || !bytes_of(payload, bytes)) return nullptr;
  return guarded([&]() -> PyObject* {
    aura::Verdicts verdicts;
    try {
      WithoutGil released(bytes.size());
      verdicts = aura::verdicts_of(signal, bytes);
    } catch (const aura::Unclear&) {
      Py_RETURN_NONE;
    }
    auto records = static_cast<Py_ssize_t>(verdicts.size());
    bool fine = verdicts.find_first_not_of(static_cast<char>(aura::kValid)) == aura::Verdicts::npos;
    return Py_BuildValue("ny#", records, verdicts.data(), fine ? Py_ssize_t{0} : records);
  });
}

struct BatchObject {
  PyObject_HEAD
  aura::Batch* batch;
  bool busy;  // read and written with the GIL only
};

// One thread at a time: the GIL, which is released within, does not see to that.
class Turn {
 public:
  explicit Turn(BatchObject* self) : self_(self->busy ? nullptr : self) {
    if (self_ != nullptr) {
      self_->busy = true;
    } else {
      PyErr_SetString(PyExc_RuntimeError, "the batch is in use by another thread");
    }
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (self_ != nullptr) self_->busy = false;
  }
  explicit operator bool() const { return self_ != nullptr; }

 private:
  BatchObject* self_;
};

PyObject* batch_new(PyTypeObject* type, PyObject* arguments, PyObject*) {
  int number = 0;
  PyObject *past = nullptr, *future = nullptr;
  if (!PyArg_ParseTuple(arguments, "iOO:Batch", &number, &past, &future)) return nullptr;
  aura::Signal signal{};
  aura::Window window;
  if (!signal_of(number, signal)) return nullptr;
  if (!unsigned_of(past, window.past) || !unsigned_of(future, window.future)) return nullptr;
  return guarded([&]() -> PyObject* {
    auto batch = aura::batch_of(signal, window);
    auto allocate = reinterpret_cast<allocfunc>(PyType_GetSlot(type, Py_tp_alloc));
    auto self = reinterpret_cast<BatchObject*>(allocate(type, 0));
    if (self != nullptr) self->batch = batch.release();
    return reinterpret_cast<PyObject*>(self);
  });
}

void batch_free(PyObject* object) {
  delete reinterpret_cast<BatchObject*>(object)->batch;
  PyTypeObject* type = Py_TYPE(object);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(object);
  Py_DECREF(type);
}

PyObject* batch_append(PyObject* object, PyObject* arguments) {
  auto self = reinterpret_cast<BatchObject*>(object);
  PyObject *payload = nullptr, *sequence = nullptr, *arrived = nullptr;
  Py_ssize_t expected = 0;
  if (!PyArg_ParseTuple(arguments, "OOOn:append", &payload, &sequence, &arrived, &expected)) return nullptr;
  Bytes bytes;
  uint64_t sequence_number = 0, arrived_ns = 0;
  if (!bytes_of(payload, bytes)) return nullptr;
  if (!unsigned_of(sequence, sequence_number) || !unsigned_of(arrived, arrived_ns)) return nullptr;
  Turn turn(self);
  if (!turn) return nullptr;
  return guarded([&]() -> PyObject* {
    aura::Outcome outcome;
    {
      WithoutGil released(bytes.size());
      outcome = self->batch->append(bytes, sequence_number, arrived_ns, static_cast<size_t>(expected));
    }
    if (!outcome.clear) Py_RETURN_NONE;
    return Py_BuildValue("nni", static_cast<Py_ssize_t>(outcome.records),
                         static_cast<Py_ssize_t>(outcome.refused), static_cast<int>(outcome.rule));
  });
}

PyObject* batch_finish(PyObject* object, PyObject*) {
  auto self = reinterpret_cast<BatchObject*>(object);
  Turn turn(self);
  if (!turn) return nullptr;
  return guarded([&] { return PyLong_FromVoidPtr(self->batch->finish()); });
}

PyMethodDef batch_methods[] = {
    {"append", batch_append, METH_VARARGS, nullptr},
    {"finish", batch_finish, METH_NOARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyType_Slot batch_slots[] = {
    {Py_tp_new, reinterpret_cast<void*>(batch_new)},
    {Py_tp_dealloc, reinterpret_cast<void*>(batch_free)},
    {Py_tp_methods, batch_methods},
    {0, nullptr},
};

PyType_Spec batch_spec = {"otlp.codec._native.Batch", sizeof(BatchObject), 0, Py_TPFLAGS_DEFAULT,
                          batch_slots};

PyMethodDef module_methods[] = {
    {"check", check, METH_VARARGS, nullptr},
    {"encode", aura::encode, METH_VARARGS, nullptr},
    {"grammar", aura::grammar, METH_O, nullptr},
    {"transcode", aura::transcode<false>, METH_VARARGS, nullptr},
    {"transcode_all", aura::transcode<true>, METH_VARARGS, nullptr},
    {"vocabulary", aura::vocabulary, METH_O, nullptr},
    {"read_plain", aura::read_plain, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef module = {PyModuleDef_HEAD_INIT, "_native", nullptr, 0, module_methods,
                      nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__native() {
  PyObject* made = PyModule_Create(&module);
  if (made == nullptr) return nullptr;
  PyObject* type = PyType_FromSpec(&batch_spec);
  if (type == nullptr || PyModule_AddObject(made, "Batch", type) < 0) {
    Py_XDECREF(type);
    Py_DECREF(made);
    return nullptr;
  }
  return made;
}
