// The verdicts of graphql-js on documents and on values of variables. Reads a schema from the file that is named, then
// from the standard input one request a line, as JSON: the document, and where they are to be coerced the variables.
// Answers each with a line: the names of the rules that refuse the document, and, where none does, the values that are
// written in it, and the coerced variables or what is wrong with them.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { buildSchema, GraphQLError, parse, specifiedRules, validate, visit } from "graphql";
import { getVariableValues } from "graphql/execution/values.js";

const schema = buildSchema(readFileSync(process.argv[2], "utf8"));

/** The specified rules, each of which notes its name where it refuses. */
function noting(refusing) {
  return specifiedRules.map((rule) => (context) => {
    const noted = Object.create(context, {
      reportError: { value: () => refusing.add(rule.name) },
    });
    return rule(noted);
  });
}

/** The names of the rules that refuse a document. One that throws refuses, too. */
function refusing(document) {
  const names = new Set();
  try {
    validate(schema, document, noting(names));
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

/** The values that are written in a document, by kind. */
function written(document) {
  const values = { strings: [], integers: [], fractions: [], words: [] };
  visit(document, {
    StringValue: ({ value }, key) => void (key === "description" || values.strings.push(value)),
    IntValue: ({ value }) => void values[Math.abs(value) < 2 ** 64 ? "integers" : "fractions"].push(Number(value)),
    FloatValue: ({ value }) => void values.fractions.push(Number(value)),
    EnumValue: ({ value }) => void values.words.push(value),
    BooleanValue: ({ value }) => void values.words.push(String(value)),
    NullValue: () => void values.words.push("null"),
  });
  return values;
}

function answer({ document: text, variables }) {
  let document;
  try {
    document = parse(text);
  } catch (error) {
    if (error instanceof GraphQLError) {
      return { rules: ["Syntax"] };
    }
    throw error;
  }
  const rules = [...refusing(document)];
  const values = rules.length > 0 ? null : written(document);
  const operations = document.definitions.filter(({ kind }) => kind === "OperationDefinition");
  if (rules.length > 0 || variables === null || operations.length !== 1) {
    return { rules, values };
  }
  const { coerced, errors } = getVariableValues(schema, operations[0].variableDefinitions ?? [], variables);
  return { rules, values, coerced: coerced ?? null, mistakes: (errors ?? []).map(({ message }) => message) };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line)))}\n`);
}
