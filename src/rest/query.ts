/** Query parameters, read strictly: a name that a route doesn't know is a mistake, and so is one that comes twice. */
import { badRequest, type Problem } from "./problems.ts";

export type Query = ReadonlyMap<string, string>;

export function readQuery(url: string, known: readonly string[]): Query | Problem {
  const query = new Map<string, string>();
  for (const [name, value] of new URL(url).searchParams) {
    if (!known.includes(name)) return badRequest(`Unknown query parameter ${name}; known are ${known.join(", ")}.`);
    if (query.has(name)) return badRequest(`Query parameter ${name} is given twice.`);
    query.set(name, value);
  }
  return query;
}

/** A whole number from 0 to `max`; null when it isn't given. */
export function wholeNumber(query: Query, name: string, max: number): number | null | Problem {
  const text = query.get(name);
  if (text === undefined) return null;
  const value = Number(text);
  if (!/^\d{1,16}$/.test(text) || value > max) return badRequest(`${name} must be a whole number from 0 to ${max}.`);
  return value;
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "status" in value;
}
