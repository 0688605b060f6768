// Keeps the times on the page current: <time data-countdown> each second, <time data-relative> each ten.
// The page carries the server's time, so a wrong clock on this machine shows no wrong deadline.
// The words of relative times are those of the filter `ago`.

const MINUTE = 60, HOUR = 3600, DAY = 86400, SOON = 180;

function clockOffset() {
  const server = Date.parse(document.querySelector('meta[name="server-time"]')?.content ?? "");
  // A page out of the history cache carries the time it was made, not the time it is.
  const [visit] = performance.getEntriesByType("navigation");
  if (Number.isNaN(server) || visit?.type === "back_forward") return 0;
  return server - (performance.timeOrigin + (visit?.responseStart ?? performance.now()));
}

const offset = clockOffset();
const secondsUntil = (time) => (Date.parse(time.dateTime) - Date.now() - offset) / 1000;
const two = (number) => String(number).padStart(2, "0");

// Two units, as the filter `ago`: nobody is told of an hour less than there is.
function long(s) {
  const [size, name, small, part] = s >= DAY ? [DAY, "d", HOUR, "h"] : [HOUR, "h", MINUTE, "min"];
  const rest = Math.floor((s % size) / small);
  return `${Math.floor(s / size)} ${name}${rest ? ` ${rest} ${part}` : ""}`;
}

function left(seconds) {
  const s = Math.floor(seconds);
  return s >= HOUR ? `${long(s)} left` : `${Math.floor(s / MINUTE)}:${two(s % MINUTE)} left`;
}

function relative(seconds) {
  const s = Math.floor(Math.abs(seconds));
  if (s < 5) return "just now";
  const span = s < MINUTE ? `${s} s`
    : s < HOUR ? `${Math.floor(s / MINUTE)} min`
    : s < DAY ? `${Math.floor(s / HOUR)} h`
    : `${Math.floor(s / DAY)} d`;
  return seconds > 0 ? `in ${s >= HOUR ? long(s) : span}` : `${span} ago`;
}

function write(time, text) {
  if (time.textContent !== text) time.textContent = text;
}

function countDown() {
  for (const time of document.querySelectorAll("time[data-countdown]")) {
    const seconds = secondsUntil(time);
    if (Number.isNaN(seconds)) continue;
    time.toggleAttribute("data-soon", seconds > 0 && seconds < SOON);
    time.toggleAttribute("data-over", seconds <= 0);
    write(time, seconds > 0 ? left(seconds) : "expired");
  }
}

function relate() {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const seconds = secondsUntil(time);
    if (!Number.isNaN(seconds)) write(time, relative(seconds));
  }
}

// The zone in which the server writes times for those who have chosen none.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) document.cookie = `hg_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;

function refresh() {
  countDown();
  relate();
}

refresh();
setInterval(countDown, 1000);
setInterval(relate, 10_000);
document.addEventListener("htmx:afterSettle", refresh);
document.addEventListener("visibilitychange", refresh);
