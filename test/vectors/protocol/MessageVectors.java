// Writes the golden bytes of test/vectors/protocol/messages.ndjson.gz with Apache Kafka's own serialisers, version 4.4.0.
//
//   K=~/.m2/repository/org/apache/kafka
//   S=~/.m2/repository/org/slf4j/slf4j-api/1.7.36/slf4j-api-1.7.36.jar
//   java -Dstdout.encoding=UTF-8 -Dfile.encoding=UTF-8 \
//     -cp $K/kafka-clients/4.4.0/kafka-clients-4.4.0.jar:$K/kafka-group-coordinator/4.4.0/kafka-group-coordinator-4.4.0.jar:\
//   $K/kafka-share-coordinator/4.4.0/kafka-share-coordinator-4.4.0.jar:$K/kafka-transaction-coordinator/4.4.0/kafka-transaction-coordinator-4.4.0.jar:$S \
//     test/vectors/protocol/MessageVectors.java | gzip -9n > test/vectors/protocol/messages.ndjson.gz
//
// (Java 17; the jars are on Maven Central.) A line is one message: its name, version, the values that were
// set and the bytes. Three kinds: "full" sets every field, "sparse" sets nulls, negatives and empty arrays, "default" sets nothing.
// "tags" is "full" with an unknown tagged field in the outermost struct. Bytes stand as {"hex": "..."}.
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.record.internal.MemoryRecords;

public class MessageVectors {
    static final int[] KEYS = {0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 32, 33, 37, 42, 44, 47, 57,
        60, 61, 65, 66, 68, 69, 74, 75, 76, 77, 78, 79, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93};
    static final Map<String, String[]> STORED = Map.of(
        "org.apache.kafka.common.message.", new String[] {"ConsumerProtocolSubscription", "ConsumerProtocolAssignment", "EndTxnMarker", "AbortedTxn"},
        "org.apache.kafka.coordinator.transaction.generated.", keysAndValues("TransactionLog"),
        "org.apache.kafka.coordinator.share.generated.", keysAndValues("ShareSnapshot", "ShareUpdate"),
        "org.apache.kafka.coordinator.group.generated.", keysAndValues("OffsetCommit", "GroupMetadata",
            "ConsumerGroupMetadata", "ConsumerGroupPartitionMetadata", "ConsumerGroupMemberMetadata", "ConsumerGroupTargetAssignmentMetadata",
            "ConsumerGroupTargetAssignmentMember", "ConsumerGroupCurrentMemberAssignment", "ConsumerGroupRegularExpression",
            "ShareGroupMetadata", "ShareGroupMemberMetadata", "ShareGroupTargetAssignmentMetadata", "ShareGroupTargetAssignmentMember",
            "ShareGroupCurrentMemberAssignment", "ShareGroupStatePartitionMetadata",
            "StreamsGroupMetadata", "StreamsGroupMemberMetadata", "StreamsGroupTargetAssignmentMetadata", "StreamsGroupTargetAssignmentMember",
            "StreamsGroupCurrentMemberAssignment", "StreamsGroupTopology"));
    static int counter;
    static boolean sparse;

    public static void main(String[] arguments) throws Exception {
        for (int key : KEYS) {
            ApiMessageType api = ApiMessageType.fromApiKey((short) key);
            emit(api.newRequest().getClass());
            emit(api.newResponse().getClass());
        }
        for (var room : new TreeMap<>(STORED).entrySet()) {
            for (String name : room.getValue()) emit(Class.forName(room.getKey() + name));
        }
        headers();
        errors();
    }

    static String[] keysAndValues(String... names) {
        List<String> both = new ArrayList<>();
        for (String name : names) both.addAll(List.of(name + "Key", name + "Value"));
        return both.toArray(new String[0]);
    }

    static void emit(Class<?> type) throws Exception {
        Message first = (Message) type.getConstructor().newInstance();
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        for (short version = first.lowestSupportedVersion(); version <= first.highestSupportedVersion(); version++) {
            for (String kind : new String[] {"full", "sparse", "default", "tags"}) {
                boolean flexible = false;
                for (BoundField field : schemas[version].fields()) flexible |= field.def.type instanceof TaggedFields;
                if (kind.equals("tags") && !flexible) continue;
                counter = version;
                sparse = kind.equals("sparse");
                Message message = (Message) type.getConstructor().newInstance();
                Map<String, Object> values = kind.equals("default") ? new LinkedHashMap<>() : fill(message, schemas[version]);
                if (kind.equals("tags")) message.unknownTaggedFields().add(new RawTaggedField(9999, new byte[] {1, 2, 3}));
                ByteBuffer bytes = bytesOf(message, version);
                String name = type.getSimpleName().replaceAll("Data$", "");
                System.out.println("{\"message\":\"" + name + "\",\"version\":" + version + ",\"kind\":\"" + kind + "\",\"values\":" + json(values)
                    + ",\"bytes\":\"" + hex(bytes) + "\"}");
            }
        }
    }

    static ByteBuffer bytesOf(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBufferAccessor accessor = new ByteBufferAccessor(ByteBuffer.allocate(message.size(cache, version)));
        message.write(accessor, cache, version);
        accessor.flip();
        return accessor.buffer();
    }

    /** Sets every field that the schema names and returns what was set, under the names of the JSON definitions. */
    static Map<String, Object> fill(Object target, Schema schema) throws Exception {
        Map<String, Object> values = new LinkedHashMap<>();
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields) {
                for (var tagged : ((TaggedFields) bound.def.type).fields().values()) set(target, tagged.name, tagged.type, values);
            } else set(target, bound.def.name, bound.def.type, values);
        }
        return values;
    }

    static void set(Object target, String snake, org.apache.kafka.common.protocol.types.Type type, Map<String, Object> values) throws Exception {
        StringBuilder camel = new StringBuilder();
        for (String part : snake.split("_")) camel.append(camel.length() == 0 ? part : part.substring(0, 1).toUpperCase() + part.substring(1));
        Field field = null;
        for (Field candidate : target.getClass().getDeclaredFields()) {
            if (candidate.getName().equalsIgnoreCase(camel.toString())) field = candidate;
        }
        if (field == null) throw new IllegalStateException(target.getClass() + " has no " + camel);
        Object[] pair = value(type, field.getGenericType(), field.getName());
        for (Method method : target.getClass().getMethods()) {
            if (method.getName().equalsIgnoreCase("set" + field.getName())) method.invoke(target, pair[0]);
        }
        values.put(field.getName(), pair[1]);
    }

    /** The Java value and what stands for it in the JSON. */
    static Object[] value(org.apache.kafka.common.protocol.types.Type type, Type java, String name) throws Exception {
        int n = ++counter;
        if (sparse && type.isNullable()) return new Object[] {null, null};
        if (type.isArray()) return arrayValue(type, java, name);
        if (type instanceof Schema) {
            Object struct = ((Class<?>) java).getConstructor().newInstance();
            return new Object[] {struct, fill(struct, (Schema) type)};
        }
        if (java == boolean.class) return same(!sparse);
        if (java == byte.class || java == Byte.class) return same((byte) (sparse ? -n % 128 : n % 100 + 1));
        if (java == short.class || java == Short.class) return same((short) (sparse ? -n : 300 + n));
        if (type.toString().equals("UINT16")) return same(sparse ? 65535 - n % 1000 : 300 + n);
        if (java == int.class || java == Integer.class) return same(sparse ? -n * 1000003 : 70000 + n);
        if (java == long.class || java == Long.class) return same(sparse ? -n * 1000000000039L : 5000000000L * n);
        if (java == Uuid.class) {
            Uuid uuid = new Uuid(0x1234567890abcdefL + n, sparse ? -n : n);
            return new Object[] {uuid, uuid.toString()};
        }
        if (java == String.class) return same(text(n, name));
        byte[] bytes = new byte[sparse ? 0 : 20 + n % 150];
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) (i * 7 + n);
        Object chunk = java == byte[].class ? bytes : java == ByteBuffer.class ? ByteBuffer.wrap(bytes) : MemoryRecords.readableRecords(ByteBuffer.wrap(bytes));
        return new Object[] {chunk, bytes};
    }

    static String text(int n, String name) {
        if (sparse) return n % 3 == 0 ? "" : "ζ-日本-\uD83D\uDE00-" + n;
        return n % 9 == 0 ? (name + n + " ").repeat(12) : name + "-" + n;
    }

    @SuppressWarnings("unchecked")
    static Object[] arrayValue(org.apache.kafka.common.protocol.types.Type type, Type java, String name) throws Exception {
        Collection<Object> elements;
        Type elementType;
        if (java instanceof ParameterizedType parameterized) {
            elements = new ArrayList<>();
            elementType = parameterized.getActualTypeArguments()[0];
        } else {
            elements = (Collection<Object>) ((Class<?>) java).getConstructor().newInstance();
            elementType = ((ParameterizedType) ((Class<?>) java).getGenericSuperclass()).getActualTypeArguments()[0];
        }
        List<Object> shown = new ArrayList<>();
        int count = sparse ? counter % 2 : 2;
        for (int i = 0; i < count; i++) {
            Object[] pair = value(type.arrayElementType().get(), elementType, name);
            elements.add(pair[0]);
            shown.add(pair[1]);
        }
        return new Object[] {elements, shown};
    }

    static Object[] same(Object value) {
        return new Object[] {value, value};
    }

    /** For every API and version: the header versions, as "requests"; and the API's name. */
    static void headers() {
        for (ApiKeys api : ApiKeys.values()) {
            List<Object> versions = new ArrayList<>();
            for (short version = api.messageType.lowestSupportedVersion(); version <= api.messageType.highestSupportedVersion(true); version++) {
                versions.add(List.of(version, api.requestHeaderVersion(version), api.responseHeaderVersion(version)));
            }
            System.out.println("{\"api\":" + api.id + ",\"name\":\"" + api.name + "\",\"headers\":" + json(versions) + "}");
        }
    }

    static void errors() {
        for (Errors error : Errors.values()) {
            boolean retriable = error.exception() instanceof org.apache.kafka.common.errors.RetriableException;
            System.out.println("{\"error\":" + error.code() + ",\"name\":\"" + error.name() + "\",\"retriable\":" + retriable + "}");
        }
    }

    static String hex(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return HexFormat.of().formatHex(bytes);
    }

    static String json(Object value) {
        if (value instanceof byte[] bytes) return "{\"hex\":\"" + HexFormat.of().formatHex(bytes) + "\"}";
        if (value instanceof String text) return '"' + text + '"';
        StringBuilder out = new StringBuilder();
        if (value instanceof Map<?, ?> map) {
            for (var entry : map.entrySet()) out.append(out.length() == 0 ? "" : ",").append(json(entry.getKey())).append(':').append(json(entry.getValue()));
            return "{" + out + "}";
        }
        if (value instanceof List<?> list) {
            for (Object element : list) out.append(out.length() == 0 ? "" : ",").append(json(element));
            return "[" + out + "]";
        }
        return String.valueOf(value);
    }
}
