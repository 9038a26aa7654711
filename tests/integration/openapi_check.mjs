// openapi_check.mjs FOLDER FILE: is FILE an OpenAPI 3.1 document? FOLDER has the packages of tools/npm.
// By the schema of the specification, its references followed; then every schema in it by JSON Schema
// 2020-12, which OpenAPI 3.1 is made of and whose words the specification's own schema lets pass.
// Prints what is wrong, a line each; exit code 0: nothing.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, file] = process.argv.slice(2);
const modules = resolve(folder, "node_modules");
const require = createRequire(modules + "/");
const { Validator } = await import(pathToFileURL(modules + "/@seriousme/openapi-schema-validator/index.js"));
const Ajv2020 = require("ajv/dist/2020.js").default;
const addFormats = require("ajv-formats").default;
const document = JSON.parse(readFileSync(file, "utf8"));
const problems = [];

async function checkDocument() {
    const validator = new Validator();
    const result = await validator.validate(structuredClone(document));
    if (!result.valid)
        problems.push(...[].concat(result.errors).map((error) => JSON.stringify(error)));
    else if (validator.version !== "3.1")
        problems.push("it is of OpenAPI " + validator.version);
}

function checkSchema(ajv, pointer) {
    try {
        ajv.compile({ $ref: "document" + pointer });
    } catch (error) {
        problems.push(pointer + ": " + error.message);
    }
}

// Every member called schema, and the named ones.
function findSchemas(node, pointer, found) {
    if (node === null || typeof node !== "object")
        return found;
    for (const [key, value] of Object.entries(node)) {
        const at = pointer + "/" + key.replaceAll("~", "~0").replaceAll("/", "~1");
        const isSchema = key === "schema" || pointer === "#/components/schemas";
        if (isSchema)
            found.push(at);
        else
            findSchemas(value, at, found);
    }
    return found;
}

function checkSchemas() {
    const ajv = new Ajv2020({ strict: true, strictRequired: false, allowUnionTypes: true, strictTypes: false });
    addFormats(ajv);
    // The document around the schemas is none: a dialect without words takes it.
    for (const key of Object.keys(document))
        if (!ajv.getKeyword(key))
            ajv.addKeyword(key);
    ajv.addSchema(document, "document", false, false);
    const found = findSchemas(document, "#", []);
    if (found.length < 100)
        problems.push("there are only " + found.length + " schemas");
    for (const pointer of found)
        checkSchema(ajv, encodeURI(pointer));
}

await checkDocument();
checkSchemas();
for (const problem of problems.slice(0, 20))
    console.log(problem);
process.exit(problems.length > 0 ? 1 : 0);
