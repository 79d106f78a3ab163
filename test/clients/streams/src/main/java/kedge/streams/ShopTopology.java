package kedge.streams;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Orders (order → customer|amount), payments (order → amount) and customers (customer → region). What comes out is known from what went in,
 * whatever the order in which partitions are read: no record is late by a day, and customers are there before the first order.
 */
final class ShopTopology {
  static final Duration WINDOW = Duration.ofSeconds(10);
  private static final Duration PAID_WITHIN = Duration.ofMinutes(5);
  private static final Duration GRACE = Duration.ofDays(1);
  private static final Serde<String> TEXT = Serdes.String();
  private static final Produced<String, String> AS_TEXT = Produced.with(TEXT, TEXT);

  private ShopTopology() {}

  static Topology build(String prefix, int partitions) {
    StreamsBuilder builder = new StreamsBuilder();
    Consumed<String, String> asText = Consumed.with(TEXT, TEXT);
    KTable<String, String> customers = builder.table(prefix + "customers", asText, Materialized.as("customers"));
    KStream<String, String> orders = builder.stream(prefix + "orders", asText);
    KStream<String, String> payments = builder.stream(prefix + "payments", asText);

    KStream<String, String> enriched =
        orders
            .map((order, value) -> KeyValue.pair(part(value, 0), order + "|" + part(value, 1)))
            .repartition(Repartitioned.with(TEXT, TEXT).withName("by-customer").withNumberOfPartitions(partitions))
            .join(customers, (order, region) -> order + "|" + region);
    enriched.to(prefix + "enriched-orders", AS_TEXT);

    // Without a cache every step of a customer's total comes out, and none may be missing or come twice.
    enriched
        .groupByKey(Grouped.with(TEXT, TEXT))
        .aggregate(() -> "0|0", (customer, order, total) -> add(total, order), totals())
        .toStream()
        .to(prefix + "customer-totals", AS_TEXT);

    enriched
        .groupBy((customer, order) -> part(order, 2), Grouped.with("by-region", TEXT, TEXT))
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
        .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("region-windows"))
        .toStream()
        .map((window, count) -> KeyValue.pair(window.key() + "@" + window.window().start(), Long.toString(count)))
        .to(prefix + "region-windows", AS_TEXT);

    orders
        .join(
            payments,
            (order, payment) -> order + "|" + payment,
            JoinWindows.ofTimeDifferenceAndGrace(PAID_WITHIN, GRACE),
            StreamJoined.with(TEXT, TEXT, TEXT).withName("paid").withStoreName("paid"))
        .to(prefix + "paid-orders", AS_TEXT);
    return builder.build();
  }

  private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> totals() {
    return Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("totals")
        .withKeySerde(TEXT)
        .withValueSerde(TEXT)
        .withCachingDisabled();
  }

  private static String add(String total, String order) {
    long count = Long.parseLong(part(total, 0)) + 1;
    long sum = Long.parseLong(part(total, 1)) + Long.parseLong(part(order, 1));
    return count + "|" + sum;
  }

  private static String part(String value, int index) {
    return value.split("\\|")[index];
  }
}
