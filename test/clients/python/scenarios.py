"""The scenarios of test/clients/README.md for clients that run in Python.

An adapter offers: name, codecs, group_modes, create_topic(topic, partitions, configs), delete_topic, list_topics, describe_topic -> (partitions, led),
topic_config, grow_topic, produce(topic, records, codec, idempotent), read(topic, partitions, count) -> records with "offset",
offsets(topic, partitions, at) with at "latest", "earliest" or a timestamp, join(group_id, topic, mode) -> member, close().
transactional(transactional_id) -> producer, ready; read_values(topic, partitions, count, isolation) -> values until that many came and no more
come; committed_offset(group_id, topic); copier(group_id, topic) -> consumer.
A transactional producer offers: begin(), send(topic, partition, value), send_offset(group_id, topic, partition, offset),
send_position(copier), commit(), abort(), close(); a copier: take(count) -> [(partition, value)], rewind() to what was committed, close().
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
        for mode in ["group", *client.group_modes]:
            report(mode, lambda: group(client, prefix, mode))
        report("admin", lambda: admin(client, prefix))
        report("transactions", lambda: transactions(client, prefix))
        report("copy-in-transactions", lambda: copy_in_transactions(client, prefix))
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


def group(client, prefix, mode):
    """`mode` is "group" for the client's defaults, else one of its group_modes."""
    topic = group_id = f"{prefix}-{mode}"
    every = list(range(GROUP_PARTITIONS))
    create_ready(client, topic, GROUP_PARTITIONS)
    produce_numbered(client, topic, 0, 80)
    members = []

    def join():
        members.append(client.join(group_id, topic, mode))
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


def transactions(client, prefix):
    """Commit, abort, offsets within a transaction, fencing."""
    topic = f"{prefix}-transactions"
    create_ready(client, topic, PARTITIONS)
    producer = client.transactional(topic)
    for values, offset, commits in ((["a0", "a1", "a2"], None, True), (["b0", "b1", "b2"], 9, False), (["c0"], 7, True)):
        producer.begin()
        for partition, value in enumerate(values):
            producer.send(topic, partition, value)
        if offset is not None:
            producer.send_offset(topic, topic, 0, offset)
        (producer.commit if commits else producer.abort)()
    assert_equal(client.committed_offset(topic, topic), 7, "the committed offset")
    producer.begin()
    producer.send(topic, 0, "zombie")
    successor = client.transactional(topic)
    successor.begin()
    successor.send(topic, 0, "d0")
    successor.commit()
    try:
        producer.commit()
    except Exception:  # Each client has an error of its own for it.
        pass
    else:
        raise AssertionError("a producer commits that was fenced")
    successor.close()
    committed = ["a0", "a1", "a2", "c0", "d0"]
    read = client.read_values(topic, PARTITIONS, len(committed), "read_committed")
    assert_equal(sorted(read), committed, "what is committed")
    written = sorted([*committed, "b0", "b1", "b2", "zombie"])
    read = client.read_values(topic, PARTITIONS, len(written), "read_uncommitted")
    assert_equal(sorted(read), written, "what was written")


def copy_in_transactions(client, prefix):
    """A consumer's records are copied in transactions, of which every third is aborted and done again."""
    source, target = f"{prefix}-copy-from", f"{prefix}-copy-to"
    create_ready(client, source, GROUP_PARTITIONS)
    create_ready(client, target, GROUP_PARTITIONS)
    produce_numbered(client, source, 0, 60)
    copier = client.copier(source, source)
    producer = client.transactional(target)
    copied = 0
    turn = 0
    while copied < 60:
        taken = copier.take(7)
        producer.begin()
        for partition, value in taken:
            producer.send(target, partition, value)
        producer.send_position(copier)
        turn += 1
        if turn % 3 == 0:
            producer.abort()
            copier.rewind()
        else:
            producer.commit()
            copied += len(taken)
    copier.close()
    producer.close()
    read = client.read_values(target, GROUP_PARTITIONS, 60, "read_committed")
    assert_equal(sorted(read), sorted(f"v{number}" for number in range(60)), "the copies")


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
