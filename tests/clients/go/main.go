// Sends numbered spans, log records and data points with the OpenTelemetry SDK for Go.
//
//	OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 go run . 10
//
// OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf or grpc; OTEL_EXPORTER_OTLP_COMPRESSION is none or
// gzip. Exits with 0 only when everything was taken.
package main

import (
	"context"
	"errors"
	"log"
	"math"
	"os"
	"strconv"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

type providers struct {
	traces  *sdktrace.TracerProvider
	logs    *sdklog.LoggerProvider
	metrics *sdkmetric.MeterProvider
}

func (p providers) shutdown(ctx context.Context) error {
	return errors.Join(p.traces.Shutdown(ctx), p.logs.Shutdown(ctx), p.metrics.Shutdown(ctx))
}

// open makes the providers; the exporters read their endpoint and compression from OTEL_*.
func open(ctx context.Context) (providers, error) {
	var (
		spans  sdktrace.SpanExporter
		logs   sdklog.Exporter
		points sdkmetric.Exporter
		errs   [3]error
	)
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		spans, errs[0] = otlptracegrpc.New(ctx)
		logs, errs[1] = otlploggrpc.New(ctx)
		points, errs[2] = otlpmetricgrpc.New(ctx)
	} else {
		spans, errs[0] = otlptracehttp.New(ctx)
		logs, errs[1] = otlploghttp.New(ctx)
		points, errs[2] = otlpmetrichttp.New(ctx)
	}
	ours := resource.NewSchemaless(
		attribute.Int("client.build", 7), attribute.StringSlice("client.tags", []string{"a", "b"}),
	)
	from, err := resource.Merge(resource.Default(), ours)
	exponential := sdkmetric.NewView(
		sdkmetric.Instrument{Name: "client.sizes"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
	)
	return providers{
		sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans), sdktrace.WithResource(from)),
		sdklog.NewLoggerProvider(
			sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)), sdklog.WithResource(from),
		),
		sdkmetric.NewMeterProvider(
			sdkmetric.WithReader(sdkmetric.NewPeriodicReader(points)),
			sdkmetric.WithResource(from),
			sdkmetric.WithView(exponential),
		),
	}, errors.Join(append(errs[:], err)...)
}

var attributes = []attribute.KeyValue{
	attribute.String("text", "grüße \"✓\""),
	attribute.Bool("flag", true),
	attribute.Float64("share", 0.25),
	attribute.Int64("largest", math.MaxInt64),
	attribute.StringSlice("texts", []string{"one", "two"}),
	attribute.BoolSlice("flags", []bool{true, false}),
	attribute.IntSlice("numbers", []int{1, -2}),
	attribute.Float64Slice("shares", []float64{0.5, -0.125}),
	attribute.ByteSlice("bytes", []byte{0, 255}),
	attribute.Map("map", attribute.Slice("inner", attribute.IntValue(1), attribute.StringValue("two"))),
}

var body = attribute.MapValue(
	attribute.String("said", "hello"),
	attribute.ByteSlice("bytes", []byte{0, 255}),
	attribute.Slice(
		"list",
		attribute.IntValue(1),
		attribute.StringValue("two"),
		attribute.MapValue(attribute.Bool("three", false)),
	),
)

func send(ctx context.Context, p providers, count int) error {
	tracer := p.traces.Tracer("client", trace.WithInstrumentationVersion("1.2.3"))
	logger := p.logs.Logger("client", otellog.WithInstrumentationVersion("1.2.3"))
	meter := p.metrics.Meter("client", metric.WithInstrumentationVersion("1.2.3"))
	requests, err1 := meter.Int64Counter("client.requests", metric.WithUnit("{request}"))
	load, err2 := meter.Float64Gauge("client.load", metric.WithUnit("1"))
	duration, err3 := meter.Float64Histogram(
		"client.duration", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(10, 20),
	)
	sizes, err4 := meter.Float64Histogram("client.sizes", metric.WithUnit("By"))

	ctx, root := tracer.Start(ctx, "run")
	defer root.End()
	for i := range count {
		number := attribute.Int("number", i)
		inSpan, span := tracer.Start(
			ctx, "work",
			trace.WithSpanKind(trace.SpanKindServer),
			trace.WithAttributes(append(attributes, number)...),
			trace.WithLinks(trace.Link{
				SpanContext: root.SpanContext(), Attributes: []attribute.KeyValue{number},
			}),
		)
		span.AddEvent("step", trace.WithAttributes(number))
		if i%2 == 1 {
			span.SetStatus(codes.Error, "odd")
		}
		var record otellog.Record
		record.SetEventName("client.worked")
		record.SetSeverity(otellog.SeverityWarn)
		record.SetSeverityText("WARN")
		record.SetBody(body)
		record.AddAttributes(append(attributes, number)...)
		logger.Emit(inSpan, record)
		numbered := metric.WithAttributes(number)
		requests.Add(inSpan, int64(i)+1, numbered)
		load.Record(inSpan, float64(i)+0.5, numbered)
		duration.Record(inSpan, float64(i)+0.5, numbered)
		sizes.Record(inSpan, float64(i)+0.5, numbered)
		span.End()
	}
	return errors.Join(err1, err2, err3, err4)
}

func main() {
	var failed atomic.Bool
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Print(err)
		failed.Store(true)
	}))
	count := 10
	if len(os.Args) > 1 {
		number, err := strconv.Atoi(os.Args[1])
		if err != nil {
			log.Fatal(err)
		}
		count = number
	}
	ctx := context.Background()
	p, err := open(ctx)
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(send(ctx, p, count), p.shutdown(ctx)); err != nil {
		log.Fatal(err)
	}
	if failed.Load() {
		os.Exit(1)
	}
}
