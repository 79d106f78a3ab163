import { zlibCodecs } from "#worker/codecs.ts";
import { runCodecCases } from "./codecs-cases.ts";

runCodecCases(zlibCodecs);
