import { kafkajsClient } from "../clients/node/kafkajs.ts";
import { describeClient } from "./client-suite.ts";

describeClient("kafkajs", kafkajsClient);
