import static io.opentelemetry.api.common.AttributeKey.*;

import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.common.KeyValue;
import io.opentelemetry.api.common.Value;
import io.opentelemetry.api.logs.Severity;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Scope;
import io.opentelemetry.sdk.OpenTelemetrySdk;
import io.opentelemetry.sdk.autoconfigure.AutoConfiguredOpenTelemetrySdk;
import io.opentelemetry.sdk.metrics.Aggregation;
import io.opentelemetry.sdk.metrics.InstrumentSelector;
import io.opentelemetry.sdk.metrics.View;
import io.opentelemetry.sdk.resources.Resource;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/**
 * Sends numbered spans, log records and data points with the OpenTelemetry SDK for Java.
 *
 * <pre>OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 java Client 10</pre>
 *
 * OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf or grpc; OTEL_EXPORTER_OTLP_COMPRESSION is none or
 * gzip. Exits with 0 only when everything was taken.
 */
public final class Client {
  private static final Logger SDK_LOG = Logger.getLogger("io.opentelemetry");

  private static final Value<?> BYTES = Value.of(new byte[] {0, (byte) 255});
  private static final Attributes ATTRIBUTES =
      Attributes.builder()
          .put("text", "grüße \"✓\"")
          .put("flag", true)
          .put("share", 0.25)
          .put("largest", Long.MAX_VALUE)
          .put("texts", "one", "two")
          .put("flags", true, false)
          .put("numbers", 1L, -2L)
          .put("shares", 0.5, -0.125)
          .put(valueKey("bytes"), BYTES)
          .put(
              valueKey("map"),
              Value.of(KeyValue.of("inner", Value.of(Value.of(1), Value.of("two")))))
          .build();
  private static final Value<?> BODY =
      Value.of(
          KeyValue.of("said", Value.of("hello")),
          KeyValue.of("bytes", BYTES),
          KeyValue.of(
              "list",
              Value.of(
                  Value.of(1),
                  Value.of("two"),
                  Value.of(KeyValue.of("three", Value.of(false))))));

  public static void main(String[] arguments) {
    var count = arguments.length > 0 ? Long.parseLong(arguments[0]) : 10;
    var failed = failures();
    try (var sdk = open()) {
      send(sdk, count);
    }
    System.exit(failed.get() ? 1 : 0);
  }

  /** Exporters tell of a failure in the log, and nowhere else. */
  private static AtomicBoolean failures() {
    var failed = new AtomicBoolean();
    SDK_LOG.addHandler(
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            if (record.getLevel().intValue() >= Level.WARNING.intValue()) {
              failed.set(true);
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        });
    return failed;
  }

  private static OpenTelemetrySdk open() {
    var ours =
        Attributes.of(longKey("client.build"), 7L, stringArrayKey("client.tags"), List.of("a", "b"));
    return AutoConfiguredOpenTelemetrySdk.builder()
        .disableShutdownHook()
        .addResourceCustomizer((known, config) -> known.merge(Resource.create(ours)))
        .addMeterProviderCustomizer(
            (meters, config) ->
                meters.registerView(
                    InstrumentSelector.builder().setName("client.sizes").build(),
                    View.builder()
                        .setAggregation(Aggregation.base2ExponentialBucketHistogram())
                        .build()))
        .build()
        .getOpenTelemetrySdk();
  }

  private static void send(OpenTelemetrySdk sdk, long count) {
    var tracer = sdk.getTracer("client", "1.2.3");
    var logger =
        sdk.getLogsBridge().loggerBuilder("client").setInstrumentationVersion("1.2.3").build();
    var meter = sdk.meterBuilder("client").setInstrumentationVersion("1.2.3").build();
    var requests = meter.counterBuilder("client.requests").setUnit("{request}").build();
    var load = meter.gaugeBuilder("client.load").setUnit("1").build();
    var duration =
        meter
            .histogramBuilder("client.duration")
            .setUnit("s")
            .setExplicitBucketBoundariesAdvice(List.of(10.0, 20.0))
            .build();
    var sizes = meter.histogramBuilder("client.sizes").setUnit("By").build();

    Span root = tracer.spanBuilder("run").startSpan();
    try (Scope inRoot = root.makeCurrent()) {
      for (long i = 0; i < count; i++) {
        var number = Attributes.of(longKey("number"), i);
        Span span =
            tracer
                .spanBuilder("work")
                .setSpanKind(SpanKind.SERVER)
                .setAllAttributes(ATTRIBUTES)
                .setAllAttributes(number)
                .addLink(root.getSpanContext(), number)
                .startSpan();
        try (Scope inSpan = span.makeCurrent()) {
          span.addEvent("step", number);
          if (i % 2 == 1) {
            span.setStatus(StatusCode.ERROR, "odd");
          }
          logger
              .logRecordBuilder()
              .setEventName("client.worked")
              .setSeverity(Severity.WARN)
              .setSeverityText("WARN")
              .setBody(BODY)
              .setAllAttributes(ATTRIBUTES)
              .setAllAttributes(number)
              .emit();
          requests.add(i + 1, number);
          load.set(i + 0.5, number);
          duration.record(i + 0.5, number);
          sizes.record(i + 0.5, number);
        } finally {
          span.end();
        }
      }
    } finally {
      root.end();
    }
  }
}
