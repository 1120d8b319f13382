// Sends numbered spans, log records and data points with the OpenTelemetry SDK for JavaScript.
//
//   OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 node client.js 10
//
// OTEL_EXPORTER_OTLP_PROTOCOL is http/protobuf, http/json or grpc; OTEL_EXPORTER_OTLP_COMPRESSION
// is none or gzip. Exits with 0 only when everything was taken.

import { context, diag, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { AggregationType } from '@opentelemetry/sdk-metrics';
import { NodeSDK } from '@opentelemetry/sdk-node';

const count = Number(process.argv[2] ?? 10);
process.env.OTEL_METRICS_EXPORTER ??= 'otlp';
process.env.OTEL_LOGS_EXPORTER ??= 'otlp';

const problem = (...words) => {
  console.error(...words);
  process.exitCode = 1;
};
const sdk = new NodeSDK({
  resource: resourceFromAttributes({ 'client.build': 7, 'client.tags': ['a', 'b'] }),
  views: [
    { instrumentName: 'client.sizes', aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
  ],
});
sdk.start();
const ignore = () => {};
diag.setLogger(
  { error: problem, warn: problem, info: ignore, debug: ignore, verbose: ignore },
  { suppressOverrideMessage: true },
);

const attributes = {
  text: 'grüße "✓"',
  flag: true,
  share: 0.25,
  largest: Number.MAX_SAFE_INTEGER,
  texts: ['one', 'two'],
  flags: [true, false],
  numbers: [1, -2],
  shares: [0.5, -0.125],
};

const tracer = trace.getTracer('client', '1.2.3');
const logger = logs.getLogger('client', '1.2.3');
const meter = metrics.getMeter('client', '1.2.3');
const requests = meter.createCounter('client.requests', { unit: '{request}' });
const load = meter.createGauge('client.load', { unit: '1' });
const duration = meter.createHistogram('client.duration', {
  unit: 's',
  advice: { explicitBucketBoundaries: [10, 20] },
});
const sizes = meter.createHistogram('client.sizes', { unit: 'By' });

const root = tracer.startSpan('run');
const inRoot = trace.setSpan(context.active(), root);
for (let number = 0; number < count; number++) {
  const numbered = { ...attributes, number };
  const links = [{ context: root.spanContext(), attributes: { number } }];
  const span = tracer.startSpan(
    'work', { kind: SpanKind.SERVER, attributes: numbered, links }, inRoot);
  span.addEvent('step', { number });
  if (number % 2) span.setStatus({ code: SpanStatusCode.ERROR, message: 'odd' });
  const inSpan = trace.setSpan(inRoot, span);
  logger.emit({
    context: inSpan,
    eventName: 'client.worked',
    severityNumber: SeverityNumber.WARN,
    severityText: 'WARN',
    body: { said: 'hello', bytes: new Uint8Array([0, 255]), list: [1, 'two', { three: false }] },
    attributes: { ...numbered, bytes: new Uint8Array([0, 255]), map: { inner: [1, 'two'] } },
  });
  requests.add(number + 1, { number }, inSpan);
  load.record(number + 0.5, { number }, inSpan);
  duration.record(number + 0.5, { number }, inSpan);
  sizes.record(number + 0.5, { number }, inSpan);
  span.end();
}
root.end();
await sdk.shutdown().catch(problem);
