// Named checks for Node scripts: prints `ok NAME` or `not ok NAME: why`, and ends with 1 if one failed.

let failed = 0;

/** Runs one check; a throw is a failure. */
export async function check(name, body) {
  try {
    await body();
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    const where = error.code === "ERR_ASSERTION" ? "" : ` ${error.stack.split("\n")[1]?.trim() ?? ""}`;
    console.log(`not ok ${name}: ${String(error.message).replaceAll("\n", " ")}${where}`);
  }
}

process.on("exit", (code) => {
  if (code === 0 && failed > 0) process.exitCode = 1;
});
