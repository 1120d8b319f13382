// Opens pages of a Jaeger UI in a headless browser and tells what it sees, as JSON.
//
// Arguments: browser, then as JSON a list of {url, kept, waits, click, then, picture}: what the page
// finds in its local storage, the selectors or texts that have to come, what is clicked then and the
// text that comes of it, and the file of its picture. Each page's text and all that went wrong is
// told.

import {chromium} from 'playwright-core';

const [executablePath, steps] = [process.argv[2], JSON.parse(process.argv[3])];
const browser = await chromium.launch({executablePath, args: ['--no-sandbox', '--disable-gpu']});
const told = [];
try {
  for (const {url, kept, waits, click, then, picture} of steps) {
    const page = await browser.newPage({viewport: {width: 1400, height: 1200}});
    await page.addInitScript(
      all => Object.entries(all).forEach(one => localStorage.setItem(...one)), kept);
    const errors = [];
    page.on('pageerror', error => errors.push(String(error)));
    page.on('console', line => line.type() === 'error' && errors.push(line.text()));
    page.on('response', one => one.status() >= 400 && errors.push(`${one.status()} ${one.url()}`));
    await page.goto(url);
    try {
      for (const wait of waits) await page.waitForSelector(wait, {timeout: 30_000, state: 'attached'});
      if (click) {
        await page.click(click);
        await page.waitForSelector(then, {timeout: 30_000});
      }
    } catch (error) {
      errors.push(String(error));
    }
    await page.screenshot({path: picture});
    told.push({text: await page.innerText('body'), errors});
    await page.close();
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(told));
