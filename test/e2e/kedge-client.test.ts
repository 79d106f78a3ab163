import { kedgeClient } from "../clients/node/kedge.ts";
import { describeClient } from "./client-suite.ts";

describeClient("kedge", kedgeClient);
