// node source_project.mjs PROJECT OUT: what the library behind the Salesforce CLI finds in a project.
// Prints the components of its folders and those of its manifest, and converts it to OUT, the format
// of the Metadata API. Run where node_modules is.
import { createRequire } from "module";
const require = createRequire(process.cwd() + "/");
const { ComponentSet, MetadataConverter } = require("@salesforce/source-deploy-retrieve");

const [project, out] = process.argv.slice(2);
const folder = `${project}/force-app`;
const manifestPath = `${project}/manifest/package.xml`;
const found = ComponentSet.fromSource(folder);
const listed = await ComponentSet.fromManifest({ manifestPath, resolveSourcePaths: [folder] });
const named = (one) => `${one.type.name} ${one.fullName}`;
const inside = (one) => [one, ...one.getChildren()];
const source = found.getSourceComponents().toArray().flatMap(inside).map(named);
const manifest = listed.toArray().map(named);
const target = { type: "directory", outputDirectory: out, genUniqueDir: false };
await new MetadataConverter().convert(found, "metadata", target);
console.log(JSON.stringify({ source: [...new Set(source)].sort(), manifest: [...new Set(manifest)].sort() }));
