"""The scenarios of test/clients/README.md for clients that run in Python.

An adapter offers: name, codecs, create_topic(topic, partitions, configs), delete_topic, list_topics, describe_topic -> (partitions, led),
topic_config, grow_topic, produce(topic, records, codec, idempotent), read(topic, partitions, count) -> records with "offset",
offsets(topic, partitions, at) with at "latest", "earliest" or a timestamp, join(group_id, topic) -> member, close().
A member offers: assignment() -> sorted partitions, seen (list of "partition/offset"), commit(), close().
"""

import base64
import json
import os
import time
import traceback

PARTITIONS = 3
GROUP_PARTITIONS = 4
SETTLE_TIMEOUT_S = 30


def run(client, phase):
    records = json.load(open(os.environ["RECORDS"], encoding="utf8"))
    prefix = os.environ["PREFIX"]
    if phase == "own":
        for codec in client.codecs:
            report(f"codec-{codec}", lambda: codec_round_trip(client, prefix, records, codec))
        report("idempotent", lambda: idempotent(client, prefix, records))
        report("offsets", lambda: offsets(client, prefix, records))
        report("group", lambda: group(client, prefix))
        report("admin", lambda: admin(client, prefix))
    else:
        for topic in filter(None, os.environ["TOPICS"].split(",")):
            report(topic, lambda: assert_same(client.read(topic, PARTITIONS, len(records)), records))
    client.close()


def report(scenario, work):
    if os.environ.get("ONLY") not in (None, scenario):
        return
    started_at = time.monotonic()
    error = None
    try:
        work()
    except Exception:  # A scenario reports whatever went wrong; the next one still runs.
        error = traceback.format_exc()
    ms = round((time.monotonic() - started_at) * 1000)
    print(json.dumps({"scenario": scenario, "ok": error is None, "ms": ms, "error": error}), flush=True)


def codec_round_trip(client, prefix, records, codec):
    topic = f"{prefix}-codec-{codec}"
    create_ready(client, topic, PARTITIONS)
    client.produce(topic, records, codec, False)
    assert_same(client.read(topic, PARTITIONS, len(records)), records)


def idempotent(client, prefix, records):
    topic = f"{prefix}-idempotent"
    create_ready(client, topic, PARTITIONS)
    for start in range(0, len(records), 12):
        client.produce(topic, records[start : start + 12], "none", True)
    assert_same(client.read(topic, PARTITIONS, len(records)), records)


def offsets(client, prefix, records):
    topic = f"{prefix}-offsets"
    create_ready(client, topic, PARTITIONS)
    client.produce(topic, records, "gzip", False)
    per_partition = len(records) // PARTITIONS
    assert_equal(client.offsets(topic, PARTITIONS, "earliest"), [0] * PARTITIONS, "start")
    assert_equal(client.offsets(topic, PARTITIONS, "latest"), [per_partition] * PARTITIONS, "end")
    at = records[100]["timestampMs"]
    expected = []
    for partition in range(PARTITIONS):
        own = [record for record in records if record["partition"] == partition]
        expected.append(next(i for i, record in enumerate(own) if record["timestampMs"] >= at))
    assert_equal(client.offsets(topic, PARTITIONS, at), expected, "by timestamp")


def group(client, prefix):
    topic = group_id = f"{prefix}-group"
    every = list(range(GROUP_PARTITIONS))
    create_ready(client, topic, GROUP_PARTITIONS)
    produce_numbered(client, topic, 0, 80)
    members = []

    def join():
        members.append(client.join(group_id, topic))
        return members[-1]

    def shared(first, second):
        assert_equal(sorted(first.assignment() + second.assignment()), every, "two members cover every partition once")
        assert_equal([len(first.assignment()), len(second.assignment())], [2, 2], "two members share evenly")

    def saw(count, *readers):
        seen = [entry for reader in readers for entry in reader.seen]
        assert_equal(sorted(seen), expected_seen(0, count), f"what {len(readers)} member(s) read of {count}")

    try:
        first = join()
        settle(lambda: assert_equal(first.assignment(), every, "a lone member holds every partition"))
        settle(lambda: saw(80, first))
        first.commit()
        second = join()
        settle(lambda: shared(first, second))
        produce_numbered(client, topic, 80, 80)
        settle(lambda: saw(160, first, second))
        first.commit()
        second.commit()
        first.close()
        settle(lambda: assert_equal(second.assignment(), every, "the member that stays takes over"))
        produce_numbered(client, topic, 160, 80)
        settle(lambda: saw(240, first, second))
        second.commit()
        second.close()
        third = join()
        produce_numbered(client, topic, 240, 40)
        settle(lambda: assert_equal(sorted(third.seen), expected_seen(240, 40), "a later member resumes where they ended"))
    finally:
        for member in members:
            member.close()


def admin(client, prefix):
    topic = f"{prefix}-admin"
    client.create_topic(topic, 2, {"retention.ms": "1234567"})
    settle(lambda: assert_equal(topic in client.list_topics(), True, "a new topic is listed"))
    settle(lambda: assert_equal(client.describe_topic(topic), (2, 2), "a new topic's partitions and leaders"))
    assert_equal(client.topic_config(topic, "retention.ms"), "1234567", "a config given at creation")
    assert_equal(client.topic_config(topic, "cleanup.policy"), "delete", "a config left at its default")
    client.grow_topic(topic, 5)
    settle(lambda: assert_equal(client.describe_topic(topic), (5, 5), "partitions and leaders after growing"))
    client.delete_topic(topic)
    settle(lambda: assert_equal(topic in client.list_topics(), False, "a deleted topic is gone"))


def create_ready(client, topic, partitions):
    """Kafka answers CreateTopics before the broker leads every new partition; ListOffsets tells when it does."""
    client.create_topic(topic, partitions, {})
    settle(lambda: assert_equal(client.offsets(topic, partitions, "latest"), [0] * partitions, "end offsets of a new topic"))


def produce_numbered(client, topic, start, count):
    records = [
        {
            "partition": number % GROUP_PARTITIONS,
            "timestampMs": int(time.time() * 1000),
            "key": encode(f"k{number}".encode()),
            "value": encode(f"v{number}".encode()),
            "headers": [],
        }
        for number in range(start, start + count)
    ]
    client.produce(topic, records, "none", False)


def expected_seen(start, count):
    return sorted(f"{n % GROUP_PARTITIONS}/{n // GROUP_PARTITIONS}" for n in range(start, start + count))


def settle(check):
    """Repeats a check until it holds; at the deadline the check's own error tells what differed."""
    deadline = time.monotonic() + SETTLE_TIMEOUT_S
    while True:
        try:
            check()
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def assert_equal(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: got {str(actual)[:2000]}, expected {str(expected)[:2000]}")


def assert_same(read, written):
    """Every partition holds its records in order from offset 0, byte for byte."""
    for partition in range(PARTITIONS):
        expected = [record for record in written if record["partition"] == partition]
        actual = sorted((record for record in read if record["partition"] == partition), key=lambda record: record["offset"])
        for offset, record in enumerate(expected[: len(actual)]):
            assert_equal(actual[offset], {**record, "offset": offset}, f"partition {partition}, offset {offset}")
        assert_equal(len(actual), len(expected), f"records of partition {partition}")


def encode(data):
    return None if data is None else base64.b64encode(data).decode()


def decode(text):
    return None if text is None else base64.b64decode(text)


def to_wire(partition, offset, timestamp_ms, key, value, headers):
    return {
        "partition": partition,
        "timestampMs": timestamp_ms,
        "key": encode(key),
        "value": encode(value),
        "headers": [[name, encode(data)] for name, data in headers or []],
        "offset": offset,
    }
