// Validates documents and coerces variables with graphql-js, for tests/validation_conformance. The argument is
// the schema file. Each line of the standard input is a JSON request: a document, and optionally variables. Each
// line of the output is a JSON response: the names of the violated rules and, if there are none, the literals
// of the document, and the coerced variables or their errors.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { buildSchema, GraphQLError, parse, specifiedRules, validate, visit } from "graphql";
import { getVariableValues } from "graphql/execution/values.js";

const schema = buildSchema(readFileSync(process.argv[2], "utf8"));

/** The specified rules, each of which adds its name to the set if it is violated. */
function recordingRules(violated) {
  return specifiedRules.map((rule) => (context) => {
    const recordingContext = Object.create(context, {
      reportError: { value: () => violated.add(rule.name) },
    });
    return rule(recordingContext);
  });
}

/** The names of the rules that a document violates, including rules that throw. */
function findViolatedRules(document) {
  const names = new Set();
  try {
    validate(schema, document, recordingRules(names));
    return names;
  } catch {
    for (const rule of specifiedRules) {
      try {
        if (validate(schema, document, [rule]).length > 0) {
          names.add(rule.name);
        }
      } catch {
        names.add(rule.name);
      }
    }
    return names;
  }
}

/** The literals of a document, by kind. */
function collectLiterals(document) {
  const literals = { strings: [], integers: [], floats: [], names: [] };
  visit(document, {
    StringValue: ({ value }, key) => void (key === "description" || literals.strings.push(value)),
    IntValue: ({ value }) => void literals[Math.abs(value) < 2 ** 64 ? "integers" : "floats"].push(Number(value)),
    FloatValue: ({ value }) => void literals.floats.push(Number(value)),
    EnumValue: ({ value }) => void literals.names.push(value),
    BooleanValue: ({ value }) => void literals.names.push(String(value)),
    NullValue: () => void literals.names.push("null"),
  });
  return literals;
}

function respond({ document: text, variables }) {
  let document;
  try {
    document = parse(text);
  } catch (error) {
    if (error instanceof GraphQLError) {
      return { violatedRules: ["Syntax"] };
    }
    throw error;
  }
  const violatedRules = [...findViolatedRules(document)];
  const literals = violatedRules.length > 0 ? null : collectLiterals(document);
  const operations = document.definitions.filter(({ kind }) => kind === "OperationDefinition");
  if (violatedRules.length > 0 || variables === null || operations.length !== 1) {
    return { violatedRules, literals };
  }
  const { coerced, errors } = getVariableValues(schema, operations[0].variableDefinitions ?? [], variables);
  return {
    violatedRules,
    literals,
    coercedVariables: coerced ?? null,
    variableErrors: (errors ?? []).map(({ message }) => message),
  };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(respond(JSON.parse(line)))}\n`);
}
