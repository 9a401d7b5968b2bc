// Prints a test that fails as soon as it does, as "not ok - NAME".

export default class Reporter {
  onTestCaseResult(_test, { status, fullName }) {
    if (status === "failed") console.log(`not ok - ${fullName}`);
  }

  onTestFileResult(_test, { testExecError }) {
    if (testExecError) console.log("not ok");
  }

  getLastError() {}
}
