"""aiokafka 0.14: gzip of its own, the other codecs by cramjam."""

import asyncio
import os
import sys
import threading

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

import scenarios

TIMEOUT_S = 30
ASSIGNORS = {
    "group": (RoundRobinPartitionAssignor,),
    "group-range": (RangePartitionAssignor,),
    "group-roundrobin": (RoundRobinPartitionAssignor,),
    "group-sticky": (StickyPartitionAssignor,),
}


class Client:
    """Runs aiokafka's coroutines on one event loop in a thread of its own; the scenarios call from outside."""

    name = "aiokafka"
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
    group_modes = ["group-range", "group-roundrobin", "group-sticky"]

    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.admin = self.wait(self.start_admin())
        self.idempotent = None

    def wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT_S)

    async def start_admin(self):
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        return admin

    def create_topic(self, topic, partitions, configs):
        new = NewTopic(topic, partitions, 1, topic_configs=configs)
        response = self.wait(self.admin.create_topics([new]))
        fail_on(response.topic_errors[0][1])

    def delete_topic(self, topic):
        response = self.wait(self.admin.delete_topics([topic]))
        fail_on(response.topic_error_codes[0][1])

    def list_topics(self):
        return self.wait(self.admin.list_topics())

    def describe_topic(self, topic):
        partitions = self.wait(self.admin.describe_topics([topic]))[0]["partitions"]
        return len(partitions), sum(1 for partition in partitions if partition["leader"] >= 0)

    def topic_config(self, topic, name):
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        response = self.wait(self.admin.describe_configs([resource]))[0]
        entries = response.resources[0][4]
        return next(entry[1] for entry in entries if entry[0] == name)

    def grow_topic(self, topic, partitions):
        response = self.wait(self.admin.create_partitions({topic: NewPartitions(partitions)}))
        fail_on(response.topic_errors[0][1])

    def produce(self, topic, records, codec, idempotent):
        self.wait(self.produce_all(topic, records, codec, idempotent))

    async def produce_all(self, topic, records, codec, idempotent):
        producer = self.idempotent if idempotent else None
        if producer is None:
            compression = None if codec == "none" else codec
            config = {"compression_type": compression, "enable_idempotence": idempotent, "acks": "all", "linger_ms": 20}
            producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, max_request_size=2_000_000, **config)
            await producer.start()
        pending = []
        for record in records:
            pending.append(
                await producer.send(
                    topic,
                    value=scenarios.decode(record["value"]),
                    key=scenarios.decode(record["key"]),
                    partition=record["partition"],
                    timestamp_ms=record["timestampMs"],
                    headers=[(name, scenarios.decode(value)) for name, value in record["headers"]],
                )
            )
        await asyncio.gather(*pending)
        if idempotent:
            self.idempotent = producer
        else:
            await producer.stop()

    def read(self, topic, partitions, count):
        return self.wait(self.read_all(topic, partitions, count))

    async def read_all(self, topic, partitions, count):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        await consumer.seek_to_beginning()
        read = []
        while len(read) < count:
            batches = await consumer.getmany(timeout_ms=TIMEOUT_S * 1000)
            if not batches:
                raise RuntimeError(f"read {len(read)} of {count} records")
            read += [to_wire(message) for batch in batches.values() for message in batch]
        await consumer.stop()
        return read

    def offsets(self, topic, partitions, at):
        return self.wait(self.list_offsets([TopicPartition(topic, partition) for partition in range(partitions)], at))

    async def list_offsets(self, asked, at):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap)
        await consumer.start()
        try:
            if at == "latest":
                found = await consumer.end_offsets(asked)
            elif at == "earliest":
                found = await consumer.beginning_offsets(asked)
            else:
                by_time = await consumer.offsets_for_times({partition: at for partition in asked})
                found = {partition: entry.offset for partition, entry in by_time.items()}
            return [found[partition] for partition in asked]
        finally:
            await consumer.stop()

    def join(self, group_id, topic, mode):
        return Member(self, group_id, topic, ASSIGNORS[mode])

    def transactional(self, transactional_id):
        return Transactional(self, transactional_id)

    def read_values(self, topic, partitions, count, isolation):
        return self.wait(self.read_all_values(topic, partitions, count, isolation))

    async def read_all_values(self, topic, partitions, count, isolation):
        settings = {"auto_offset_reset": "earliest", "isolation_level": isolation}
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, **settings)
        await consumer.start()
        consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        await consumer.seek_to_beginning()
        values = []
        while True:
            timeout_ms = TIMEOUT_S * 1000 if len(values) < count else 500
            batches = await consumer.getmany(timeout_ms=timeout_ms)
            if not batches:
                break
            values += [message.value.decode() for batch in batches.values() for message in batch]
        await consumer.stop()
        return values

    def committed_offset(self, group_id, topic):
        return self.wait(self.fetch_committed(group_id, topic))

    async def fetch_committed(self, group_id, topic):
        consumer = AIOKafkaConsumer(bootstrap_servers=self.bootstrap, group_id=group_id, enable_auto_commit=False)
        await consumer.start()
        committed = await consumer.committed(TopicPartition(topic, 0))
        await consumer.stop()
        return committed

    def copier(self, group_id, topic):
        return Copier(self, group_id, topic)

    def close(self):
        if self.idempotent is not None:
            self.wait(self.idempotent.stop())
        self.wait(self.admin.close())


class Transactional:
    def __init__(self, client, transactional_id):
        self.client = client
        self.producer = client.wait(self.start(transactional_id))

    async def start(self, transactional_id):
        producer = AIOKafkaProducer(bootstrap_servers=self.client.bootstrap, transactional_id=transactional_id)
        await producer.start()
        return producer

    def begin(self):
        self.client.wait(self.producer.begin_transaction())

    def send(self, topic, partition, value):
        self.client.wait(self.producer.send_and_wait(topic, value.encode(), partition=partition))

    def send_offset(self, group_id, topic, partition, offset):
        offsets = {TopicPartition(topic, partition): offset}
        self.client.wait(self.producer.send_offsets_to_transaction(offsets, group_id))

    def send_position(self, copier):
        self.client.wait(self.producer.send_offsets_to_transaction(copier.position, copier.group_id))

    def commit(self):
        self.client.wait(self.producer.commit_transaction())

    def abort(self):
        self.client.wait(self.producer.abort_transaction())

    def close(self):
        self.client.wait(self.producer.stop())


class Copier:
    """The consuming side of a copy in transactions."""

    def __init__(self, client, group_id, topic):
        self.client = client
        self.group_id = group_id
        self.position = {}
        self.consumer = client.wait(self.start(group_id, topic))

    async def start(self, group_id, topic):
        settings = {"enable_auto_commit": False, "auto_offset_reset": "earliest", "isolation_level": "read_committed"}
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=self.client.bootstrap, group_id=group_id, **settings)
        await consumer.start()
        return consumer

    def take(self, count):
        batches = self.client.wait(self.consumer.getmany(timeout_ms=TIMEOUT_S * 1000, max_records=count))
        taken = [message for batch in batches.values() for message in batch]
        self.position = {TopicPartition(one.topic, one.partition): one.offset + 1 for one in taken}
        return [(one.partition, one.value.decode()) for one in taken]

    def rewind(self):
        self.client.wait(self.seek_to_committed())

    async def seek_to_committed(self):
        for partition in self.consumer.assignment():
            self.consumer.seek(partition, await self.consumer.committed(partition) or 0)

    def close(self):
        self.client.wait(self.consumer.stop())


class Member(ConsumerRebalanceListener):
    def __init__(self, client, group_id, topic, assignors):
        self.client = client
        self.assignors = assignors
        self.seen = []
        self.held = []
        self.closed = False
        self.consumer, self.task = client.wait(self.start(group_id, topic))

    async def start(self, group_id, topic):
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.client.bootstrap,
            group_id=group_id,
            partition_assignment_strategy=self.assignors,
            session_timeout_ms=6000,
            heartbeat_interval_ms=300,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=200,
        )
        await consumer.start()
        consumer.subscribe([topic], listener=self)
        return consumer, asyncio.ensure_future(self.poll(consumer))

    async def poll(self, consumer):
        async for message in consumer:
            self.seen.append(f"{message.partition}/{message.offset}")

    async def on_partitions_assigned(self, assigned):
        self.held = sorted(partition.partition for partition in assigned)

    async def on_partitions_revoked(self, revoked):
        self.held = []

    def assignment(self):
        return self.held

    def commit(self):
        self.client.wait(self.consumer.commit())

    def close(self):
        if not self.closed:
            self.closed = True
            self.client.wait(self.stop())

    async def stop(self):
        self.task.cancel()
        await self.consumer.stop()


def to_wire(message):
    return scenarios.to_wire(
        message.partition, message.offset, message.timestamp, message.key, message.value, message.headers
    )


def fail_on(code):
    if code != 0:
        raise RuntimeError(f"the broker answered error {code}")


if __name__ == "__main__":
    scenarios.run(Client(os.environ["BOOTSTRAP"]), sys.argv[1])
