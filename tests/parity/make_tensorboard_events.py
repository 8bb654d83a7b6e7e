"""Writes tests/fixtures/curves/tensorboard_events.bin: the event file that TensorBoard's own protobufs and record writer
make of what tests/curves/tensorboard_events_test.cpp logs.

    python tests/parity/make_tensorboard_events.py
"""
import pathlib

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

OUT = pathlib.Path(__file__).parents[1] / "fixtures/curves/tensorboard_events.bin"


def scalars(wall_time, step, values):
    summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=t, simple_value=v) for t, v in values])
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary)


def text(wall_time, step, tag, markdown):
    value = summary_pb2.Summary.Value(
        tag=tag + "/text_summary",
        tensor=tensor_pb2.TensorProto(
            dtype=types_pb2.DT_STRING,
            tensor_shape=tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)]),
            string_val=[markdown.encode()]),
        metadata=summary_pb2.SummaryMetadata(plugin_data=summary_pb2.SummaryMetadata.PluginData(plugin_name="text")))
    return event_pb2.Event(wall_time=wall_time, step=step, summary=summary_pb2.Summary(value=[value]))


EVENTS = [
    event_pb2.Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    event_pb2.Event(wall_time=1700000000.5, step=0, session_log=event_pb2.SessionLog(status=event_pb2.SessionLog.START)),
    text(1700000000.75, 0, "args", "    seed = 7\n    prompt = \u00fc"),
    scalars(1700000001.0, 1, [("train/loss", 2.5), ("eval/loss", -0.1)]),
    scalars(1700000002.0, 300, [("train/objective/kl", float("nan")), ("train/num_tokens", 123456789.0)]),
    scalars(1700000003.0, 5_000_000_000, [("train/loss", float("inf"))]),
]

with OUT.open("wb") as file:
    writer = RecordWriter(file)
    for event in EVENTS:
        writer.write(event.SerializeToString(deterministic=True))
print(OUT, OUT.stat().st_size, "bytes")
