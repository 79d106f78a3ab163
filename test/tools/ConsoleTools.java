// Runs Apache Kafka's console tools, one after another in one JVM, and what must happen between them. Reads one step a line from its standard input:
// a tool or an operation and its arguments, with tabs between them. Answers one line of JSON a step: { "output": [lines], "exit": code }.
//
//   java -cp 'build/tools/libs/*' test/tools/ConsoleTools.java HOST:PORT < steps
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.common.utils.Exit;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.state.Stores;

public class ConsoleTools {
    static final Map<String, String> TOOLS = Map.of(
        "kafka-topics", "org.apache.kafka.tools.TopicCommand",
        "kafka-configs", "kafka.admin.ConfigCommand",
        "kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell",
        "kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
        "kafka-share-groups", "org.apache.kafka.tools.consumer.group.ShareGroupCommand",
        "kafka-streams-groups", "org.apache.kafka.tools.streams.StreamsGroupCommand",
        "kafka-groups", "org.apache.kafka.tools.GroupsCommand",
        "kafka-transactions", "org.apache.kafka.tools.TransactionsCommand",
        "kafka-delete-records", "org.apache.kafka.tools.DeleteRecordsCommand");
    static final Duration STEP = Duration.ofMillis(100);
    static final int OPERATION_TIMEOUT_MS = 30_000;
    static String bootstrap;
    static volatile int exitCode;
    static volatile CountDownLatch ended;
    static final Map<String, Member> members = new HashMap<>();
    static final Map<String, KafkaStreams> applications = new HashMap<>();
    static final Map<String, KafkaProducer<String, String>> transactions = new HashMap<>();

    public static void main(String[] arguments) throws Exception {
        bootstrap = arguments[0];
        PrintStream out = System.out;
        Exit.setExitProcedure((code, message) -> {
            if (message != null) System.err.println(message);
            exitCode = code;
            // A tool catches whatever is thrown here, so its thread stops in this place for good: a park may return by itself.
            ended.countDown();
            while (true) LockSupport.park();
        });
        var steps = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = steps.readLine(); line != null; line = steps.readLine()) {
            String[] words = line.split("\t");
            var captured = new ByteArrayOutputStream();
            System.setOut(new PrintStream(captured, true, StandardCharsets.UTF_8));
            System.setErr(System.out);
            exitCode = 0;
            var end = new CountDownLatch(1);
            ended = end;
            var thread = new Thread(() -> {
                attempt(words[0], Arrays.copyOfRange(words, 1, words.length));
                end.countDown();
            }, "step");
            thread.setDaemon(true);
            thread.start();
            end.await();
            System.out.flush();
            out.println(json(captured.toString(StandardCharsets.UTF_8), exitCode));
            out.flush();
        }
        for (Member member : members.values()) member.leave();
        for (KafkaStreams application : applications.values()) application.close(Duration.ZERO);
        for (var producer : transactions.values()) producer.close(Duration.ZERO);
        Runtime.getRuntime().halt(0);
    }

    static void attempt(String name, String[] arguments) {
        try {
            run(name, arguments);
        } catch (Throwable error) {
            exitCode = -1;
            System.out.println(error instanceof InvocationTargetException ? error.getCause() : error);
        }
    }

    static void run(String name, String[] arguments) throws Exception {
        String tool = TOOLS.get(name);
        if (tool == null) {
            operate(name, arguments);
            return;
        }
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", bootstrap));
        all.addAll(List.of(arguments));
        Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) all.toArray(new String[0]));
    }

    static void operate(String name, String[] a) throws Exception {
        switch (name) {
            case "produce" -> produce(a[0], Integer.parseInt(a[1]), Integer.parseInt(a[2]));
            case "consume" -> consume(a[0], a[1], a[2], Integer.parseInt(a[3]));
            case "join" -> members.put(a[0], new Member(a));
            case "leave" -> members.remove(a[0]).leave();
            case "stream" -> applications.put(a[0], stream(a[0], a[1], a[2]));
            case "close" -> applications.remove(a[0]).close(Duration.ofMillis(OPERATION_TIMEOUT_MS));
            case "begin" -> begin(a[0], a[1]);
            case "commit" -> transactions.remove(a[0]).commitTransaction();
            case "abort" -> transactions.remove(a[0]).abortTransaction();
            case "sleep" -> Thread.sleep(Long.parseLong(a[0]));
            case "file" -> java.nio.file.Files.writeString(java.nio.file.Path.of(a[0]), a[1]);
            default -> throw new IllegalArgumentException("no step " + name);
        }
    }

    static Map<String, Object> config(Object... pairs) {
        Map<String, Object> config = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        for (int i = 0; i < pairs.length; i += 2) config.put((String) pairs[i], pairs[i + 1]);
        return config;
    }

    /** Records with a timestamp that both brokers are told, so that searches by time find the same. */
    static void produce(String topic, int partition, int count) throws Exception {
        try (var producer = new KafkaProducer<>(config("client.id", "maker"), new StringSerializer(), new StringSerializer())) {
            for (int i = 0; i < count; i++) {
                producer.send(new ProducerRecord<>(topic, partition, 1_700_000_000_000L + i * 1000L, "key-" + i, "value-" + i)).get();
            }
        }
    }

    static void begin(String transactionalId, String topic) throws Exception {
        var producer = new KafkaProducer<>(config("transactional.id", transactionalId, "transaction.timeout.ms", 600_000,
            "client.id", transactionalId), new StringSerializer(), new StringSerializer());
        producer.initTransactions();
        producer.beginTransaction();
        producer.send(new ProducerRecord<>(topic, 0, 1_700_000_000_000L, "key", "value")).get();
        transactions.put(transactionalId, producer);
    }

    static void consume(String group, String protocol, String topic, int count) {
        try (var consumer = new KafkaConsumer<>(consumerConfig(group, protocol, group), new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(topic));
            long deadline = System.currentTimeMillis() + OPERATION_TIMEOUT_MS;
            int read = 0;
            while (read < count) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException("only " + read + " of " + count + " records came");
                ConsumerRecords<String, String> records = consumer.poll(STEP);
                read += records.count();
            }
            consumer.commitSync();
            System.out.println("read " + read);
        }
    }

    /** An application in a streams group that counts the keys of a topic; it is there once it has its tasks. */
    static KafkaStreams stream(String name, String application, String topic) throws Exception {
        Properties properties = new Properties();
        properties.putAll(config("application.id", application, "client.id", name, "group.protocol", "streams",
            "auto.offset.reset", "earliest", "state.dir", java.nio.file.Files.createTempDirectory("streams").toString()));
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(topic, Consumed.with(Serdes.String(), Serdes.String())).groupByKey()
            .count(Materialized.as(Stores.inMemoryKeyValueStore("counts")));
        KafkaStreams streams = new KafkaStreams(builder.build(), properties);
        streams.start();
        long deadline = System.currentTimeMillis() + OPERATION_TIMEOUT_MS;
        try (Admin admin = Admin.create(config())) {
            while (streams.state() != KafkaStreams.State.RUNNING || !isStable(admin, application)) {
                if (System.currentTimeMillis() > deadline) throw new IllegalStateException(name + " is " + streams.state());
                Thread.sleep(100);
            }
        }
        return streams;
    }

    static boolean isStable(Admin admin, String application) throws Exception {
        var groups = admin.describeStreamsGroups(List.of(application)).describedGroups();
        return groups.get(application).get().groupState() == GroupState.STABLE;
    }

    static Map<String, Object> consumerConfig(String group, String protocol, String clientId) {
        return config("group.id", group, "group.protocol", protocol, "client.id", clientId, "auto.offset.reset", "earliest",
            "enable.auto.commit", "false");
    }

    /** A member that stays until it is told to leave. */
    static class Member {
        private final AtomicBoolean stopped = new AtomicBoolean();
        private final AtomicBoolean ready = new AtomicBoolean();
        private final Thread thread;

        Member(String[] a) throws Exception {
            String name = a[0];
            thread = new Thread(() -> {
                if (a[2].equals("share")) share(name, a[1], a[3], Integer.parseInt(a[4]));
                else read(name, a[1], a[2], a[3]);
            }, name);
            thread.start();
            long deadline = System.currentTimeMillis() + OPERATION_TIMEOUT_MS;
            while (!ready.get()) {
                if (System.currentTimeMillis() > deadline || !thread.isAlive()) throw new IllegalStateException(name + " got nothing");
                Thread.sleep(50);
            }
        }

        private void read(String name, String group, String protocol, String topic) {
            var deserializer = new StringDeserializer();
            try (var consumer = new KafkaConsumer<>(consumerConfig(group, protocol, name), deserializer, deserializer)) {
                consumer.subscribe(List.of(topic));
                while (!stopped.get()) {
                    consumer.poll(STEP);
                    if (!consumer.assignment().isEmpty()) ready.set(true);
                }
            }
        }

        /** Ready once so many records are acknowledged, and that is stored. */
        private void share(String name, String group, String topic, int count) {
            var deserializer = new StringDeserializer();
            try (var consumer = new KafkaShareConsumer<>(config("group.id", group, "client.id", name), deserializer, deserializer)) {
                consumer.subscribe(List.of(topic));
                for (int read = 0; !stopped.get(); ) {
                    read += consumer.poll(STEP).count();
                    for (var error : consumer.commitSync().values()) error.ifPresent(e -> { throw e; });
                    if (read >= count) ready.set(true);
                }
            }
        }

        void leave() throws InterruptedException {
            stopped.set(true);
            thread.join();
        }
    }

    static String json(String output, int code) {
        StringBuilder json = new StringBuilder("{\"output\":[");
        String separator = "";
        for (String line : output.split("\n")) {
            json.append(separator).append('"');
            for (char c : line.stripTrailing().toCharArray()) {
                if (c == '"' || c == '\\') json.append('\\').append(c);
                else if (c < ' ') json.append(String.format("\\u%04x", (int) c));
                else json.append(c);
            }
            json.append('"');
            separator = ",";
        }
        return json.append("],\"exit\":").append(code).append('}').toString();
    }
}
