import { platformaticClient } from "../clients/node/platformatic.ts";
import { describeClient } from "./client-suite.ts";

describeClient("@platformatic/kafka", platformaticClient);
