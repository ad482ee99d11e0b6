// Makes the pictures of the README, from the demo: `scripts/up --demo --detach`, then with WORKER_URL set as
// `scripts/status -o env` prints it: node client/console/screenshots.ts
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const PASSWORD = "hourglass";
const SIZE = { width: 1120, height: 700 };

const address = process.env.WORKER_URL;
if (!address) throw new Error("WORKER_URL is not set: scripts/status -o env prints it");

function pathOf(name: string): string {
  return fileURLToPath(new URL(`../../docs/images/${name}.png`, import.meta.url));
}

async function signedIn(browser: Browser, email: string, colorScheme: "light" | "dark"): Promise<Page> {
  const page = await browser.newPage({ viewport: SIZE, colorScheme });
  await page.goto(`${address}/`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in", exact: true }).click();
  await page.getByText("Live", { exact: true }).waitFor();
  return page;
}

async function shoot(page: Page, place: string, name = place): Promise<void> {
  await page.goto(`${address}/#/${place}`);
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true], .waiting"));
  await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
  await page.screenshot({ path: pathOf(name), animations: "disabled" });
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage"],
});
try {
  const ada = await signedIn(browser, "ada@example.com", "light");
  await ada.getByRole("button", { name: "Start", exact: true }).click();
  await ada.getByRole("button", { name: "Stop", exact: true }).waitFor();
  await shoot(ada, "time");
  await ada.getByRole("button", { name: "Stop", exact: true }).click();
  await ada.getByRole("button", { name: "Start", exact: true }).waitFor();
  const admin = await signedIn(browser, "admin@example.com", "light");
  await shoot(admin, "usage");
  const evening = await signedIn(browser, "admin@example.com", "dark");
  await shoot(evening, "metrics");
} finally {
  await browser.close();
}
