"""librdkafka as the clients of a chaos run: `chaos.py JOB`, see test/chaos/client-job.ts."""

import json
import os
import random
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

MOST_UNDER_WAY = 2000
STEP_S = 0.05
COMMIT_EVERY_S = 0.7
PROBE_EVERY_S = 0.5
PATIENCE_S = 3
FLUSH_TIMEOUT_S = 60
READ_TIMEOUT_S = 180
# A commit that took so long may have been sent twice.
SENT_ONCE_MS = 90
# Error codes after which a record certainly isn't in the log.
REFUSALS = {10, 87}

JOB = json.loads(sys.argv[1])
TOPIC = JOB["topic"]
PARTITIONS = JOB["partitions"]
COMMON = {
    "bootstrap.servers": JOB["bootstrap"],
    "log_level": 0,
    "socket.timeout.ms": 5000,
    "reconnect.backoff.ms": 50,
    "reconnect.backoff.max.ms": 300,
}


def now():
    return int(time.time() * 1000)


def value_of(key):
    """The twin of test/chaos/record-value.ts."""
    size = 40 + int(key.rsplit("#", 1)[1]) * 37 % 500
    piece = key + "|"
    return (piece * (size // len(piece) + 1))[: max(size, len(piece))]


def id_of(value):
    try:
        text = (value or b"").decode()
        key = text.split("|", 1)[0]
        return key if text == value_of(key) else "?"
    except (IndexError, ValueError):
        return "?"


class History:
    def __init__(self, path):
        self.file = open(path, "w", encoding="utf-8")
        self.lock = threading.Lock()

    def add(self, kind, client, invoked_ms, completed_ms, **fields):
        event = {"type": kind, "client": client, "invokedMs": invoked_ms, "completedMs": completed_ms, **fields}
        line = json.dumps(event) + "\n"
        with self.lock:
            self.file.write(line)

    def fetch(self, client, group, partition, offset, invoked_ms, end, messages):
        following = messages[-1].offset() + 1
        self.add(
            "fetch",
            client,
            # A consumer reads ahead and doesn't say when it asked; what it gives says nothing of watermarks.
            invoked_ms,
            now(),
            topic=TOPIC,
            partition=partition,
            group=group,
            offset=offset,
            errorCode=0,
            highWatermark=max(end, following),
            logStartOffset=-1,
            nextOffset=following,
            minBytes=1,
            records=[{"offset": one.offset(), "id": id_of(one.value())} for one in messages],
        )
        return following


HISTORY = History(JOB["history"])
FINISHING = threading.Event()
ENDING = threading.Event()


def produce(name, records_per_s, idempotent, acks, retries, ordered, config):
    """One producer that sends at a steady pace and writes down what becomes of each record."""
    patience = {"message.timeout.ms": 0 if retries else 10_000, "retry.backoff.ms": 50}
    if not retries:
        patience["message.send.max.retries"] = 0
    # Without a callback a fatal error would be raised in whatever the thread is at.
    patience["error_cb"] = lambda _error: None
    settings = {**COMMON, **patience, "client.id": name, "enable.idempotence": idempotent, "acks": acks, **config}
    producer = Producer(settings)
    dice = random.Random(f"{JOB['seed']} {name}")
    number = 0
    lives = 0
    due = 0.0
    paced_at = time.monotonic()

    # What has had no delivery report: after a fatal error and a purge librdkafka now and then owes one for good.
    unreported = {}

    def note(order, became):
        if order not in unreported:
            # It was given up as unknown before.
            return
        session, invoked_ms, partition = unreported.pop(order)
        HISTORY.add(
            "produce",
            name,
            invoked_ms,
            None if became["outcome"] == "unknown" else now(),
            topic=TOPIC,
            partition=partition,
            acks=acks,
            idempotent=idempotent,
            session=session,
            ordered=ordered,
            order=order,
            attempts=2 if retries and not idempotent else 1,
            ids=[f"{name}#{order}"],
            **became,
        )

    def send():
        order = number
        partition = dice.randrange(PARTITIONS)
        unreported[order] = (f"{name}-{lives}", now(), partition)

        def written(error, message):
            answered = error is None and acks != 0
            code = 0 if error is None else error.code()
            outcome = "acknowledged" if answered else "refused" if code in REFUSALS else "unknown"
            # None where a later answer acknowledged it, too.
            offset = -1 if message.offset() is None or not answered else message.offset()
            note(order, {"outcome": outcome, "baseOffset": offset, "errorCode": code})

        try:
            producer.produce(TOPIC, value_of(f"{name}#{order}"), partition=partition, on_delivery=written)
        except BaseException:
            # It was never taken.
            del unreported[order]
            raise

    def forget():
        for order in list(unreported):
            note(order, {"outcome": "unknown", "baseOffset": -1, "errorCode": -1})

    while not FINISHING.is_set():
        due += records_per_s * (time.monotonic() - paced_at)
        paced_at = time.monotonic()
        while due >= 1:
            due -= 1
            if len(producer) >= MOST_UNDER_WAY:
                continue
            try:
                send()
                number += 1
            except KafkaException:
                # Its error is fatal, as the delivery reports tell: only another producer can go on.
                producer.purge()
                producer.flush(FLUSH_TIMEOUT_S)
                producer = Producer(settings)
                forget()
                lives += 1
        producer.poll(0)
        time.sleep(STEP_S)
    if producer.flush(FLUSH_TIMEOUT_S):
        producer.purge()
        producer.flush(FLUSH_TIMEOUT_S)
    forget()


def generation_of(consumer):
    """The binding hides it in librdkafka's serialised group metadata: a magic that ends in `:`, then an int32."""
    metadata = bytes(consumer.consumer_group_metadata())
    at = metadata.index(b":") + 1
    return int.from_bytes(metadata[at : at + 4], sys.byteorder, signed=True)


class Member:
    """One life of a member: at its end it leaves, after a hang perhaps."""

    def __init__(self, group, client):
        self.group = group
        self.client = client
        self.next = {}
        # It sent its JoinGroup after this.
        self.last_callback_ms = now()
        self.consumer = Consumer(
            {
                **COMMON,
                "client.id": client,
                "group.id": group,
                "session.timeout.ms": 6000,
                "heartbeat.interval.ms": 1500,
                "max.poll.interval.ms": 10_000,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "partition.assignment.strategy": "cooperative-sticky" if group.endswith("sticky") else "range",
            }
        )
        self.consumer.subscribe([TOPIC], on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.lost)

    def assigned(self, consumer, partitions):
        assigned_ms = now()
        member_id = consumer.memberid()
        generation = generation_of(consumer)
        cooperative = self.group.endswith("sticky")
        if cooperative:
            consumer.incremental_assign(partitions)
        else:
            consumer.assign(partitions)
        if member_id and generation >= 0:
            # A member that the group has thrown out meanwhile has none.
            self.tell_assignment(consumer, assigned_ms, {"group": self.group, "memberId": member_id, "generation": generation})
        self.last_callback_ms = assigned_ms
        self.ask_committed(partitions)

    def tell_assignment(self, consumer, assigned_ms, member):
        HISTORY.add("join", self.client, self.last_callback_ms, assigned_ms, **member)
        HISTORY.add(
            "assignment",
            self.client,
            assigned_ms,
            assigned_ms,
            **member,
            instanceId=None,
            partitions=[{"topic": one.topic, "partition": one.partition} for one in consumer.assignment()],
        )

    def ask_committed(self, partitions):
        invoked_ms = now()
        try:
            committed = self.consumer.committed([TopicPartition(one.topic, one.partition) for one in partitions], PATIENCE_S)
        except KafkaException:
            return
        completed_ms = now()
        for one in committed:
            if one.error is None:
                told = {"topic": one.topic, "partition": one.partition, "offset": max(one.offset, -1)}
                HISTORY.add("committed", self.client, invoked_ms, completed_ms, group=self.group, **told)

    def revoked(self, consumer, partitions):
        going = {one.partition for one in partitions}
        self.commit({partition: offset for partition, offset in self.next.items() if partition in going})
        self.lost(consumer, partitions)

    def lost(self, _consumer, partitions):
        for one in partitions:
            self.next.pop(one.partition, None)

    def commit(self, places):
        """Commits what was read; an error leaves it open whether that was taken."""
        if not places:
            return
        member_id = self.consumer.memberid()
        generation = generation_of(self.consumer)
        offsets = [TopicPartition(TOPIC, partition, offset) for partition, offset in places.items()]
        invoked_ms = now()
        try:
            taken = {one.partition for one in self.consumer.commit(offsets=offsets, asynchronous=False) if one.error is None}
        except KafkaException:
            taken = set()
        completed_ms = now()
        # A cooperative member may join the next generation meanwhile.
        generation = max(generation, generation_of(self.consumer))
        member = {"group": self.group, "memberId": member_id, "generation": generation}
        for partition, offset in places.items():
            event = {**member, "topic": TOPIC, "partition": partition, "offset": offset}
            if partition in taken:
                HISTORY.add("commit", self.client, invoked_ms, completed_ms, **event, outcome="acknowledged")
            # The first try may still be under way, and come late.
            if partition not in taken or completed_ms - invoked_ms > SENT_ONCE_MS:
                HISTORY.add("commit", self.client, invoked_ms, None, **event, outcome="unknown")

    def poll(self, ends_at):
        committed_at = time.monotonic()
        while not ENDING.is_set() and time.monotonic() < ends_at:
            read = {}
            for message in self.consumer.consume(200, 0.2):
                if message.error() is None:
                    read.setdefault(message.partition(), []).append(message)
            for partition, messages in read.items():
                offset = self.next.get(partition, messages[0].offset())
                self.next[partition] = HISTORY.fetch(self.client, self.group, partition, offset, 0, 0, messages)
            if time.monotonic() - committed_at > COMMIT_EVERY_S:
                self.commit(dict(self.next))
                committed_at = time.monotonic()

    def live(self, dice):
        lives_s = JOB["memberLivesMs"] / 1000 * (0.5 + dice.random()) or 1e9
        self.poll(time.monotonic() + lives_s)
        if dice.random() < 0.3 and not ENDING.is_set():
            time.sleep(12)
            self.poll(time.monotonic() + 5)
        self.consumer.close()


def consume(group, index):
    """One place in a group: a member and its successors."""
    place = f"librdkafka-{group}-{index}"
    dice = random.Random(f"{JOB['seed']} {place}")
    life = 0
    while not ENDING.is_set():
        Member(group, f"{place}-{life}").live(dice)
        life += 1


def probe():
    """Asks again and again where the log ends, from beside."""
    consumer = Consumer({**COMMON, "group.id": "librdkafka-probe"})
    while not ENDING.is_set():
        for partition in range(PARTITIONS):
            ask_offsets(consumer, "librdkafka-probe", partition)
        ENDING.wait(PROBE_EVERY_S)
    consumer.close()


def ask_offsets(consumer, client, partition):
    invoked_ms = now()
    try:
        start, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), PATIENCE_S)
    except KafkaException:
        return None
    place = {"topic": TOPIC, "partition": partition}
    HISTORY.add("offsets", client, invoked_ms, now(), **place, which="latest", offset=end)
    HISTORY.add("offsets", client, invoked_ms, now(), **place, which="earliest", offset=start)
    return end


def read_all():
    """Reads the whole topic from its start to the end that the broker names."""
    client = "librdkafka-reader"
    consumer = Consumer({**COMMON, "group.id": client, "enable.auto.commit": False, "auto.offset.reset": "earliest"})
    invoked_ms = now()
    ends = [ask_offsets(consumer, client, partition) for partition in range(PARTITIONS)]
    if None in ends:
        sys.exit(f"the broker doesn't say where the partitions end: {ends}")
    following = [0] * PARTITIONS
    consumer.assign([TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)])
    deadline = time.monotonic() + READ_TIMEOUT_S
    while following != ends:
        if time.monotonic() > deadline:
            sys.exit(f"read {following} of {ends}")
        read = {}
        for message in consumer.consume(500, 1):
            if message.error() is None:
                read.setdefault(message.partition(), []).append(message)
        for partition, messages in read.items():
            end = ends[partition]
            following[partition] = HISTORY.fetch(client, None, partition, following[partition], invoked_ms, end, messages)
    consumer.close()


def run_clients():
    ways = [
        ("librdkafka-idempotent-a", True, -1, True, True, {"compression.type": "gzip", "linger.ms": 5}),
        ("librdkafka-idempotent-b", True, -1, True, True, {"linger.ms": 0, "batch.num.messages": 3}),
        # Without idempotence librdkafka may reorder what it sends again.
        ("librdkafka-plain", False, -1, True, False, {}),
        ("librdkafka-once", False, 1, False, False, {}),
    ]
    rate = JOB["recordsPerS"] / len(ways)
    producers = [threading.Thread(target=produce, args=(name, rate, *how)) for name, *how in ways]
    members = [
        threading.Thread(target=consume, args=(group["group"], index)) for group in JOB["groups"] for index in range(group["members"])
    ]
    others = [*members, threading.Thread(target=probe)]
    for thread in [*producers, *others]:
        thread.start()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "end":
            break
        FINISHING.set()
        for thread in producers:
            thread.join()
        print("finished", flush=True)
    ENDING.set()
    for thread in others:
        thread.join(30)


if JOB["mode"] == "read":
    read_all()
else:
    run_clients()
HISTORY.file.close()
# A thread that hangs in a client must not keep the process.
sys.stdout.flush()
os._exit(0)
