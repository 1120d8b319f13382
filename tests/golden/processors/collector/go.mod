module github.com/open-telemetry/opentelemetry-collector-contrib/golden

go 1.25.0

require (
	github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal v0.165.0
	github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor v0.165.0
	github.com/open-telemetry/opentelemetry-collector-contrib/processor/probabilisticsamplerprocessor v0.165.0
)
