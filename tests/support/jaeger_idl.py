"""What Jaeger's messages look like on the wire, in the notation of its documentation.

`name type = number`; `*` after the type: repeated; TS and DUR: Timestamp and Duration; a type that
is not said is string.
"""

from typing import Any

KIND = {
    "string": "STRING",
    "bool": "BOOL",
    "int32": "INT32",
    "int64": "INT64",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "fixed64": "FIXED64",
    "double": "DOUBLE",
    "bytes": "BYTES",
}
LONG = {
    "TS": "google.protobuf.Timestamp",
    "DUR": "google.protobuf.Duration",
    "Call": "jaeger.expression.v1.Call",
}

ENUMS = {
    "jaeger.api_v2.ValueType": "STRING=0 BOOL=1 INT64=2 FLOAT64=3 BINARY=4",
    "jaeger.api_v2.SpanRefType": "CHILD_OF=0 FOLLOWS_FROM=1",
}

_QUERY = (
    "start_time_min TS=4; start_time_max TS=5; duration_min DUR=6; duration_max DUR=7; "
    "search_depth int32=8"
)
_SUMMARY = (
    "root_service_name=2; root_operation_name=3; min_start_time_unix_nano fixed64=4; "
    "max_end_time_unix_nano fixed64=5; span_count int32=6; error_span_count int32=7; "
    "orphan_span_count int32=8; services ServiceSummary*=9"
)
_SERVICE = "name=1; span_count int32=2; error_span_count int32=3"
_RANGE = "start_time TS=2; end_time TS=3"
_WINDOW = "start_time TS=1; end_time TS=2"

MESSAGES = {
    "jaeger.api_v2": {
        "KeyValue": "key=1; v_type ValueType=2; v_str=3; v_bool bool=4; v_int64 int64=5; "
        "v_float64 double=6; v_binary bytes=7",
        "Log": "timestamp TS=1; fields KeyValue*=2",
        "SpanRef": "trace_id bytes=1; span_id bytes=2; ref_type SpanRefType=3",
        "Process": "service_name=1; tags KeyValue*=2",
        "Span": "trace_id bytes=1; span_id bytes=2; operation_name=3; references SpanRef*=4; "
        "flags uint32=5; start_time TS=6; duration DUR=7; tags KeyValue*=8; logs Log*=9; "
        "process Process=10; process_id=11; warnings string*=12",
        "Trace": "spans Span*=1; process_map Trace.ProcessMapping*=2; warnings string*=3",
        "Trace.ProcessMapping": "process_id=1; process Process=2",
        "Batch": "spans Span*=1; process Process=2",
        "DependencyLink": "parent=1; child=2; call_count uint64=3; source=4",
        "GetTraceRequest": f"trace_id bytes=1; {_RANGE}; raw_traces bool=4",
        "SpansResponseChunk": "spans Span*=1",
        "ArchiveTraceRequest": f"trace_id bytes=1; {_RANGE}",
        "ArchiveTraceResponse": "",
        "TraceQueryParameters": "service_name=1; operation_name=2; tags map=3; "
        f"{_QUERY}; raw_traces bool=9",
        "FindTracesRequest": "query TraceQueryParameters=1",
        "GetServicesRequest": "",
        "GetServicesResponse": "services string*=1",
        "GetOperationsRequest": "service=1; span_kind=2",
        "GetOperationsResponse": "operationNames string*=1; operations Operation*=2",
        "Operation": "name=1; span_kind=2",
        "GetDependenciesRequest": _WINDOW,
        "GetDependenciesResponse": "dependencies DependencyLink*=1",
    },
    "jaeger.api_v3": {
        "GetTraceRequest": f"trace_id=1; {_RANGE}; raw_traces bool=4",
        "FindTracesRequest": "query TraceQueryParameters=1",
        "TraceQueryParameters": "service_name=1; operation_name=2; attributes map=3; "
        f"{_QUERY}; raw_traces bool=9; filter Call=10",
        "GetServicesRequest": "",
        "GetServicesResponse": "services string*=1",
        "GetOperationsRequest": "service=1; span_kind=2",
        "GetOperationsResponse": "operations Operation*=1",
        "Operation": "name=1; span_kind=2",
        "GetDependenciesRequest": _WINDOW,
        "DependenciesResponse": "dependencies Dependency*=1",
        "Dependency": "parent=1; child=2; call_count uint64=3",
        "FindTraceSummariesRequest": "query TraceQueryParameters=1",
        "FindTraceSummariesResponse": "summaries TraceSummary*=1",
        "TraceSummary": f"trace_id=1; {_SUMMARY}",
        "ServiceSummary": _SERVICE,
    },
    "jaeger.expression.v1": {
        "Call": "op=1; args Expression*=2",
        "Expression": "attr AttributeReference=1; field FieldReference=2; "
        "nested NestedReference=3; scalar Scalar=4; list List=5; call Call=6",
        "AttributeReference": "key=1; level=2",
        "FieldReference": "name=1; level=2",
        "NestedReference": "level=1",
        "Scalar": "value=1; type=2",
        "List": "values string*=1; type=2",
    },
    "jaeger.storage.v2": {
        "GetTraceParams": f"trace_id bytes=1; {_RANGE}",
        "GetTracesRequest": "query GetTraceParams*=1",
        "GetServicesRequest": "",
        "GetServicesResponse": "services string*=1",
        "GetOperationsRequest": "service=1; span_kind=2",
        "GetOperationsResponse": "operations Operation*=1",
        "Operation": "name=1; span_kind=2",
        "KeyValue": "key=1; value AnyValue=2",
        "AnyValue": "string_value=1; bool_value bool=2; int_value int64=3; double_value double=4; "
        "array_value ArrayValue=5; kvlist_value KeyValueList=6; bytes_value bytes=7",
        "ArrayValue": "values AnyValue*=1",
        "KeyValueList": "values KeyValue*=1",
        "TraceQueryParameters": "service_name=1; operation_name=2; attributes KeyValue*=3; "
        f"{_QUERY}; filter Call=9",
        "FindTracesRequest": "query TraceQueryParameters=1",
        "FindTraceIDsRequest": "query TraceQueryParameters=1",
        "FindTraceIDsResponse": "trace_ids FoundTraceID*=1",
        "FoundTraceID": "trace_id bytes=1; start TS=2; end TS=3",
        "FindTraceSummariesRequest": "query TraceQueryParameters=1",
        "FindTraceSummariesResponse": "summaries TraceSummary*=1",
        "TraceSummary": f"trace_id bytes=1; {_SUMMARY}",
        "ServiceSummary": _SERVICE,
        "GetDependenciesRequest": _WINDOW,
        "GetDependenciesResponse": "dependencies Dependency*=1",
        "Dependency": "parent=1; child=2; call_count uint64=3; source=4",
        "GetCapabilitiesRequest": "",
        "GetCapabilitiesResponse": "search SearchCapabilities=1",
        "SearchCapabilities": "without_service_name bool=1; same_span_conjunction bool=2; "
        "filter FilterCapabilities=3",
        "FilterCapabilities": "levels string*=1; operators string*=2",
    },
}

_TRACES = "stream opentelemetry.proto.trace.v1.TracesData"
METHODS = {
    "jaeger.api_v2.QueryService": {
        "GetTrace": ("GetTraceRequest", "stream SpansResponseChunk"),
        "ArchiveTrace": ("ArchiveTraceRequest", "ArchiveTraceResponse"),
        "FindTraces": ("FindTracesRequest", "stream SpansResponseChunk"),
        "GetServices": ("GetServicesRequest", "GetServicesResponse"),
        "GetOperations": ("GetOperationsRequest", "GetOperationsResponse"),
        "GetDependencies": ("GetDependenciesRequest", "GetDependenciesResponse"),
    },
    "jaeger.api_v3.QueryService": {
        "GetTrace": ("GetTraceRequest", _TRACES),
        "FindTraces": ("FindTracesRequest", _TRACES),
        "GetServices": ("GetServicesRequest", "GetServicesResponse"),
        "GetOperations": ("GetOperationsRequest", "GetOperationsResponse"),
        "GetDependencies": ("GetDependenciesRequest", "DependenciesResponse"),
        "FindTraceSummaries": ("FindTraceSummariesRequest", "stream FindTraceSummariesResponse"),
    },
    "jaeger.storage.v2.TraceReader": {
        "GetTraces": ("GetTracesRequest", _TRACES),
        "GetServices": ("GetServicesRequest", "GetServicesResponse"),
        "GetOperations": ("GetOperationsRequest", "GetOperationsResponse"),
        "FindTraces": ("FindTracesRequest", _TRACES),
        "FindTraceIDs": ("FindTraceIDsRequest", "FindTraceIDsResponse"),
        "FindTraceSummaries": ("FindTraceSummariesRequest", "stream FindTraceSummariesResponse"),
    },
    "jaeger.storage.v2.DependencyReader": {
        "GetDependencies": ("GetDependenciesRequest", "GetDependenciesResponse"),
    },
    "jaeger.storage.v2.Capabilities": {
        "GetCapabilities": ("GetCapabilitiesRequest", "GetCapabilitiesResponse"),
    },
}


def fields(text: str, package: str) -> dict[str, tuple[int, str, bool]]:
    """Return number, type and whether it repeats of each field that a message is to have."""
    found = {}
    for one in filter(None, text.split("; ")):
        words, _, number = one.partition("=")
        name, _, kind = words.partition(" ")
        repeated, kind = kind.endswith("*"), kind.removesuffix("*") or "string"
        if kind == "map":
            found[name] = (int(number), "map<string, string>", True)
        else:
            whole = KIND.get(kind) or LONG.get(kind) or f"{package}.{kind}"
            found[name] = (int(number), whole, repeated)
    return found


def described(field: Any) -> tuple[int, str, bool]:
    """Return the same of a field's descriptor."""
    inner = field.message_type
    if inner and inner.GetOptions().map_entry:
        key, value = inner.fields_by_name["key"], inner.fields_by_name["value"]
        assert key.type == value.type == key.TYPE_STRING
        return field.number, "map<string, string>", True
    named = inner or field.enum_type
    scalar = {getattr(field, f"TYPE_{name}"): name for name in KIND.values()}
    return field.number, named.full_name if named else scalar[field.type], field.is_repeated
