module aura/tests/clients/jaeger-idl

go 1.25.0

require github.com/jaegertracing/jaeger-idl v0.11.1 // indirect
