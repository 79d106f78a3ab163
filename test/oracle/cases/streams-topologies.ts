import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { pause } from "./consumer-groups.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";
import { beatOf, describeGroup, join, setConfigs, subtopology, TARGET_MS, topicInfo } from "./streams-setup.ts";

const OTHER = "kip1071-three";

/** Topologies for which topics are missing or wrong, and what is no topology. `read` has four partitions. */
export async function streamsTopologyCases(session: Session, read: string): Promise<void> {
  session.begin("streams topologies");
  const four = session.topic(read);
  const three = session.topic(OTHER);
  await createTopic(session, OTHER, 3);
  for (const [name, subtopologies] of Object.entries(topologies(session, four, three))) {
    const groupId = session.topic(`streams-${name.replaceAll(" ", "-")}`);
    await awaitCoordinator(session, groupId);
    await setConfigs(session, groupId, { "streams.initial.rebalance.delay.ms": "0" });
    await beatOf(session, groupId, 1)(name, join("m", subtopologies));
    const answer = await session.tell(m.StreamsGroupDescribe, 1, { groupIds: [groupId] });
    for (const { members } of answer.groups)
      for (const { clientHost } of members) session.call("clientHost", clientHost, "the host");
    session.note(`${name} described`, answer);
  }
  await comingTopics(session);
  await failingTopics(session, four);
}

function topologies(session: Session, four: string, three: string) {
  const own = (name: string) => `${session.topic("streams-own")}-${name}`;
  const rep = (name: string, partitions = 0) => topicInfo(own(name), { partitions });
  const together = (sourceTopics: number[], repartitionSourceTopics: number[]) => ({
    sourceTopics,
    sourceTopicRegex: [],
    repartitionSourceTopics,
  });
  const writes = (...names: string[]) =>
    subtopology("w", { sourceTopics: [four], repartitionSinkTopics: names.map(own) });
  return {
    nothing: [],
    "missing sources": [subtopology("0", { sourceTopics: [session.topic("nowhere"), four] })],
    "regular expressions": [subtopology("0", { sourceTopicRegex: ["x.*"] })],
    "internal topics": [subtopology("0", { sourceTopics: ["__consumer_offsets"] })],
    "names that are none": [subtopology("0", { sourceTopics: [four], repartitionSinkTopics: ["a b"] })],
    "changelogs of their own": [
      subtopology("0", { sourceTopics: [four], stateChangelogTopics: [topicInfo(own("c"), { partitions: 2 })] }),
    ],
    circle: [
      subtopology("0", { repartitionSourceTopics: [rep("a")], repartitionSinkTopics: [own("b")] }),
      subtopology("1", { repartitionSourceTopics: [rep("b")], repartitionSinkTopics: [own("a")] }),
    ],
    unwritten: [subtopology("0", { sourceTopics: [four], repartitionSourceTopics: [rep("a")] })],
    "joined alike": [subtopology("0", { sourceTopics: [four, four], copartitionGroups: [together([0, 1], [])] })],
    "joined otherwise": [subtopology("0", { sourceTopics: [four, three], copartitionGroups: [together([0, 1], [])] })],
    "joined with a fixed one": [
      writes("f"),
      subtopology("0", {
        sourceTopics: [four],
        repartitionSourceTopics: [rep("f", 2)],
        copartitionGroups: [together([0], [0])],
      }),
    ],
    "joined with a free one": [
      writes("g"),
      subtopology("0", {
        sourceTopics: [three],
        repartitionSourceTopics: [rep("g")],
        copartitionGroups: [together([0], [0])],
      }),
    ],
    "free ones joined": [
      writes("h"),
      subtopology("x", { sourceTopics: [three], repartitionSinkTopics: [own("i")] }),
      subtopology("0", { repartitionSourceTopics: [rep("h"), rep("i")], copartitionGroups: [together([], [0, 1])] }),
    ],
    "a fixed and a free one joined": [
      writes("j", "k"),
      subtopology("0", { repartitionSourceTopics: [rep("j", 2), rep("k")], copartitionGroups: [together([], [0, 1])] }),
    ],
    "fixed ones joined": [
      writes("l", "m"),
      subtopology("0", {
        repartitionSourceTopics: [rep("l", 2), rep("m", 5)],
        copartitionGroups: [together([], [0, 1])],
      }),
    ],
    chained: [
      subtopology("2", { repartitionSourceTopics: [rep("o")], stateChangelogTopics: [topicInfo(own("p"))] }),
      subtopology("1", { repartitionSourceTopics: [rep("n")], repartitionSinkTopics: [own("o")] }),
      subtopology("0", { sourceTopics: [three], repartitionSinkTopics: [own("n")] }),
    ],
    "another number already": [subtopology("0", { sourceTopics: [four], stateChangelogTopics: [topicInfo(three)] })],
    "epoch of the past": [subtopology("0", { sourceTopics: [four] })],
  };
}

/** What an application reads is made after it has begun. */
async function comingTopics(session: Session): Promise<void> {
  session.begin("topics that come");
  const groupId = session.topic("streams-coming");
  await awaitCoordinator(session, groupId);
  await setConfigs(session, groupId, { "streams.initial.rebalance.delay.ms": "0" });
  const beat = beatOf(session, groupId, 1);
  const { memberEpoch } = await beat(
    "joins",
    join("m", [subtopology("0", { sourceTopics: [session.topic("kip1071-late")] })]),
  );
  await describeGroup(session, groupId, 1);
  await createTopic(session, "kip1071-late", 2);
  await pause(TARGET_MS);
  const told = await beat("is told", { memberId: "m", memberEpoch });
  await describeGroup(session, groupId, 1);
  await session.tell(m.CreatePartitions, 3, {
    topics: [{ name: session.topic("kip1071-late"), count: 3 }],
    timeoutMs: 10_000,
  });
  await pause(TARGET_MS);
  await beat("grows", { memberId: "m", memberEpoch: told.memberEpoch });
}

async function failingTopics(session: Session, read: string): Promise<void> {
  session.begin("topics that can't be");
  const groupId = session.topic("streams-failing");
  await awaitCoordinator(session, groupId);
  const beat = beatOf(session, groupId, 1);
  const bad = topicInfo(`${groupId}-bad-changelog`, { topicConfigs: [{ key: "no.such.config", value: "1" }] });
  const own = [subtopology("0", { sourceTopics: [read], stateChangelogTopics: [bad] })];
  const { memberEpoch } = await beat("joins", join("m", own));
  await pause(TARGET_MS);
  const { status } = await beat("hears of it", { memberId: "m", memberEpoch });
  session.note(
    "is told which",
    status?.some(({ statusDetail }) => statusDetail.includes(`${bad.name} (`)),
  );
}
