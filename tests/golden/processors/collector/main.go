// Runs the Collector's own processors over cases.json and writes down what they answer.
package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal/attraction"
	sampler "github.com/open-telemetry/opentelemetry-collector-contrib/processor/probabilisticsamplerprocessor"
	redaction "github.com/open-telemetry/opentelemetry-collector-contrib/processor/redactionprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor"
	"go.uber.org/zap"
	"gopkg.in/yaml.v3"
)

// An attribute is [key, type number, text], as in pipeline/value.py.
type attribute [3]any

type record struct {
	Number     int         `json:"number" yaml:"number"`
	TraceID    string      `json:"trace_id" yaml:"trace_id"`
	TraceState string      `json:"trace_state" yaml:"trace_state"`
	Attributes []attribute `json:"attributes" yaml:"attributes"`
}

type sampling struct {
	Signal   string         `json:"signal" yaml:"signal"`
	Config   map[string]any `json:"config" yaml:"config"`
	Records  []record       `json:"records" yaml:"records"`
	Expected []record       `json:"expected" yaml:"-"`
}

type changing struct {
	Actions  []map[string]any `json:"actions" yaml:"actions"`
	Records  [][]attribute    `json:"records" yaml:"records"`
	Expected [][]attribute    `json:"expected" yaml:"-"`
}

// A body is [type number, text], or [8, JSON] where it is a map or a list.
type logged struct {
	Attributes []attribute `json:"attributes" yaml:"attributes"`
	Body       [2]any      `json:"body" yaml:"body"`
}

type redacting struct {
	Config   map[string]any `json:"config" yaml:"config"`
	Records  []logged       `json:"records" yaml:"records"`
	Expected []logged       `json:"expected" yaml:"-"`
}

type cases struct {
	Redaction  []redacting `yaml:"redaction"`
	Attributes []changing  `yaml:"attributes"`
	Sampler    []sampling  `yaml:"sampler"`
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func fill(m pcommon.Map, attributes []attribute) {
	for _, a := range attributes {
		v, text := m.PutEmpty(a[0].(string)), a[2].(string)
		switch a[1].(int) {
		case 1:
			v.SetStr(text)
		case 2:
			v.SetBool(text == "true")
		case 3:
			v.SetInt(must(strconv.ParseInt(text, 10, 64)))
		case 4:
			v.SetDouble(must(strconv.ParseFloat(text, 64)))
		case 7:
			v.SetEmptyBytes().FromRaw(must(base64.StdEncoding.DecodeString(text)))
		}
	}
}

func dumpValue(v pcommon.Value) [2]any {
	if t := v.Type(); t == pcommon.ValueTypeMap || t == pcommon.ValueTypeSlice {
		return [2]any{8, string(must(json.Marshal(v.AsRaw())))}
	}
	m := pcommon.NewMap()
	v.CopyTo(m.PutEmpty(""))
	one := dump(m)[0]
	return [2]any{one[1], one[2]}
}

func fillBody(v pcommon.Value, body [2]any) {
	if body[0].(int) == 8 {
		var raw any
		decoder := json.NewDecoder(strings.NewReader(body[1].(string)))
		decoder.UseNumber()
		if err := decoder.Decode(&raw); err != nil {
			panic(err)
		}
		if err := v.FromRaw(integers(raw)); err != nil {
			panic(err)
		}
		return
	}
	m := pcommon.NewMap()
	fill(m, []attribute{{"", body[0], body[1]}})
	one, _ := m.Get("")
	one.CopyTo(v)
}

func integers(raw any) any {
	switch one := raw.(type) {
	case json.Number:
		return must(one.Int64())
	case []any:
		for i := range one {
			one[i] = integers(one[i])
		}
	case map[string]any:
		for key := range one {
			one[key] = integers(one[key])
		}
	}
	return raw
}

func (c *redacting) run() {
	factory := redaction.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(c.Config).Unmarshal(config); err != nil {
		panic(err)
	}
	if err := config.(*redaction.Config).Validate(); err != nil {
		panic(fmt.Sprint(c.Config, err))
	}
	settings := processor.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}
	sink := new(consumertest.LogsSink)
	run := must(factory.CreateLogs(context.Background(), settings, config, sink))
	data := plog.NewLogs()
	logs := data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, r := range c.Records {
		log := logs.AppendEmpty()
		fill(log.Attributes(), r.Attributes)
		fillBody(log.Body(), r.Body)
	}
	if err := run.ConsumeLogs(context.Background(), data); err != nil {
		panic(err)
	}
	for _, log := range sink.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		c.Expected = append(c.Expected, logged{dump(log.Attributes()), dumpValue(log.Body())})
	}
}

func dump(m pcommon.Map) []attribute {
	out := []attribute{}
	for key, v := range m.All() {
		kind, text := 0, ""
		switch v.Type() {
		case pcommon.ValueTypeStr:
			kind, text = 1, v.Str()
		case pcommon.ValueTypeBool:
			kind, text = 2, strconv.FormatBool(v.Bool())
		case pcommon.ValueTypeInt:
			kind, text = 3, strconv.FormatInt(v.Int(), 10)
		case pcommon.ValueTypeDouble: // the reader compares numbers, not their texts
			kind, text = 4, strconv.FormatFloat(v.Double(), 'g', -1, 64)
		case pcommon.ValueTypeBytes:
			kind, text = 7, base64.StdEncoding.EncodeToString(v.Bytes().AsRaw())
		}
		out = append(out, attribute{key, kind, text})
	}
	return out
}

func id(text string) (id pcommon.TraceID) {
	copy(id[:], must(hex.DecodeString(text)))
	return id
}

func (c *changing) run() {
	var settings attraction.Settings
	conf := confmap.NewFromStringMap(map[string]any{"actions": anys(c.Actions)})
	if err := conf.Unmarshal(&settings); err != nil {
		panic(err)
	}
	actions := must(attraction.NewAttrProc(&settings))
	for _, attributes := range c.Records {
		m := pcommon.NewMap()
		fill(m, attributes)
		actions.Process(context.Background(), zap.NewNop(), m)
		c.Expected = append(c.Expected, dump(m))
	}
}

func anys(maps []map[string]any) (out []any) {
	for _, m := range maps {
		out = append(out, m)
	}
	return out
}

func (c *sampling) run() {
	factory := sampler.NewFactory()
	config := factory.CreateDefaultConfig()
	if err := confmap.NewFromStringMap(c.Config).Unmarshal(config); err != nil {
		panic(err)
	}
	if err := config.(*sampler.Config).Validate(); err != nil {
		panic(fmt.Sprint(c.Config, err))
	}
	settings := processor.Settings{
		ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings(),
	}
	c.Expected = []record{}
	if c.Signal == "traces" {
		sink := new(consumertest.TracesSink)
		run := must(factory.CreateTraces(context.Background(), settings, config, sink))
		data := ptrace.NewTraces()
		spans := data.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
		for _, r := range c.Records {
			span := spans.AppendEmpty()
			span.SetName(strconv.Itoa(r.Number))
			span.SetTraceID(id(r.TraceID))
			span.TraceState().FromRaw(r.TraceState)
			fill(span.Attributes(), r.Attributes)
		}
		if err := run.ConsumeTraces(context.Background(), data); err != nil {
			panic(err)
		}
		for _, kept := range sink.AllTraces() {
			spans := kept.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
			for _, span := range spans.All() {
				c.Expected = append(c.Expected, record{
					must(strconv.Atoi(span.Name())), span.TraceID().String(),
					span.TraceState().AsRaw(), dump(span.Attributes()),
				})
			}
		}
		return
	}
	sink := new(consumertest.LogsSink)
	run := must(factory.CreateLogs(context.Background(), settings, config, sink))
	data := plog.NewLogs()
	logs := data.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	for _, r := range c.Records {
		log := logs.AppendEmpty()
		log.SetFlags(plog.LogRecordFlags(r.Number))
		log.SetTraceID(id(r.TraceID))
		fill(log.Attributes(), r.Attributes)
	}
	if err := run.ConsumeLogs(context.Background(), data); err != nil {
		panic(err)
	}
	for _, kept := range sink.AllLogs() {
		logs := kept.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
		for _, log := range logs.All() {
			c.Expected = append(c.Expected, record{
				int(log.Flags()), log.TraceID().String(), "", dump(log.Attributes()),
			})
		}
	}
}

func write(path string, value any) {
	if err := os.WriteFile(path, append(must(json.Marshal(value)), '\n'), 0o600); err != nil {
		panic(err)
	}
}

func main() {
	var all cases
	if err := yaml.Unmarshal(must(os.ReadFile("cases.json")), &all); err != nil {
		panic(err)
	}
	for i := range all.Attributes {
		all.Attributes[i].run()
	}
	for i := range all.Sampler {
		all.Sampler[i].run()
	}
	for i := range all.Redaction {
		all.Redaction[i].run()
	}
	write("../redaction.json", all.Redaction)
	write("../attributes.json", all.Attributes)
	write("../sampler.json", all.Sampler)
}
