// The functions of the Python module that read JSON.
#pragma once

#include "plain.hpp"
#include "python.hpp"
#include "transcode.hpp"

namespace aura {

// Something that is made of text once and held by Python; its type's name tells it apart.
template <class Kept>
PyObject* capsule_of(PyObject* text, const char* name) {
  Py_ssize_t size = 0;
  const char* data = PyUnicode_AsUTF8AndSize(text, &size);
  if (data == nullptr) return nullptr;
  return guarded([&]() -> PyObject* {
    auto kept = std::make_unique<Kept>(std::string(data, static_cast<size_t>(size)));
    auto free = [](PyObject* capsule) {
      delete static_cast<Kept*>(PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)));
    };
    PyObject* capsule = PyCapsule_New(kept.get(), name, free);
    if (capsule != nullptr) kept.release();
    return capsule;
  });
}

// Runs `read`, which gives a Buffer, without the GIL; None for what is Unclear, or too long for one.
template <class Read>
PyObject* read_json(Bytes body, Read read) {
  return guarded([&]() -> PyObject* {
    Buffer payload;
    try {
      WithoutGil released(body.size());
      payload = read();
    } catch (const Unclear&) {
      Py_RETURN_NONE;
    } catch (const std::length_error&) {
      Py_RETURN_NONE;
    }
    return PyBytes_FromStringAndSize(payload.data(), static_cast<Py_ssize_t>(payload.size()));
  });
}

constexpr char kGrammar[] = "otlp.codec.Grammar";

inline PyObject* grammar(PyObject*, PyObject* text) { return capsule_of<Grammar>(text, kGrammar); }

// One request, or several in a row.
template <bool several>
PyObject* transcode(PyObject*, PyObject* arguments) {
  PyObject *capsule = nullptr, *text = nullptr;
  if (!PyArg_ParseTuple(arguments, "OO:transcode", &capsule, &text)) return nullptr;
  auto grammar = static_cast<const Grammar*>(PyCapsule_GetPointer(capsule, kGrammar));
  Bytes body;
  if (grammar == nullptr || !bytes_of(text, body)) return nullptr;
  return read_json(body, [&] { return Transcoding(*grammar, body).request(several); });
}

constexpr char kVocabulary[] = "otlp.codec.Vocabulary";

inline PyObject* vocabulary(PyObject*, PyObject* text) { return capsule_of<Vocabulary>(text, kVocabulary); }

inline PyObject* read_plain(PyObject*, PyObject* arguments) {
  PyObject *capsule = nullptr, *text = nullptr, *now = nullptr;
  int number = 0;
  if (!PyArg_ParseTuple(arguments, "OiOO:read_plain", &capsule, &number, &text, &now)) return nullptr;
  auto vocabulary = static_cast<const Vocabulary*>(PyCapsule_GetPointer(capsule, kVocabulary));
  Signal signal{};
  Bytes body;
  uint64_t now_ns = 0;
  if (vocabulary == nullptr || !signal_of(number, signal)) return nullptr;
  if (!bytes_of(text, body) || !unsigned_of(now, now_ns)) return nullptr;
  return read_json(body, [&] { return Plain(*vocabulary, signal, now_ns, body).request(); });
}

}  // namespace aura
