/* console.js - the console's page: asks for the state every second and draws it.
 *
 * What comes from the program (names, files, reasons) is text, and becomes nodes of text only: no
 * string is ever taken for HTML. What is drawn is bounded; where something is left out, it says so.
 */
'use strict';

/* --- the head --- */

const ANNOUNCED = {
  live: 'The loop answers.',
  late: 'The loop does not answer.',
  gone: 'The program does not answer.',
  paused: 'Paused.',
  wait: 'Connecting.',
};

function showStatus() {
  const silent = page.state ? page.state.loop.silent_ns : 0;
  let [state, text] = ['live', 'live'];
  if (page.isPaused) {
    [state, text] = ['paused', 'paused'];
  } else if (page.trouble) {
    [state, text] = ['gone', 'no connection'];
  } else if (!page.state) {
    [state, text] = ['wait', 'connecting'];
  } else if (silent > 0) {
    [state, text] = ['late', `no answer for ${span(silent)}`];
  } else if (page.state.loop.age_ns > 1.5e9) {
    text = `live, ${span(page.state.loop.age_ns)} ago`;
  }
  $('status').dataset.state = state;
  setText($('status-text'), text);
  setText($('announce'), ANNOUNCED[state]); // for who hears the page: only when that changes
}

/* The stall that goes on now, if the watchdog has seen one. */
function currentStall() {
  return (page.state.stalls || []).find((stall) => !stall.is_over);
}

function showAlarm() {
  const silent = page.state && !page.trouble ? page.state.loop.silent_ns : 0;
  const isShown = Boolean(page.trouble) || silent > 0;
  $('alarm').hidden = !isShown;
  if (!isShown) {
    return;
  }
  if (page.trouble) {
    setText($('alarm-title'), 'The program does not answer.');
    setText($('alarm-text'),
      `It may have ended: ${page.trouble}. Shown is what was seen last; it is asked again every second.`);
    fillStack($('alarm-stack'), []);
    return;
  }
  const stall = currentStall();
  setText($('alarm-title'), `The loop has not answered for ${span(silent)}.`);
  setText($('alarm-text'), stall
    ? `${stallName(stall)} holds it up, for ${span(stall.span_ns)} so far` +
      (stall.is_in_syscall ? ', in a system call:' : ':')
    : 'Something holds it up, or it is not being run. Below is what was seen before.');
  fillStack($('alarm-stack'), stall ? stall.stack : []);
}

function countStates() {
  const counts = { new: 0, ready: 0, running: 0, waiting: 0 };
  for (const task of page.tasks.list) {
    counts[task.state]++;
  }
  return counts;
}

/* A bound of a bucket that at least `part` of all took at most; as coil_histogram_quantile. */
function quantile(histogram, part) {
  let seen = 0;
  for (let i = 0; i < histogram.buckets.length; i++) {
    seen += histogram.buckets[i];
    if (histogram.count > 0 && seen >= part * histogram.count) {
      return i < page.state.bounds_ns.length ? page.state.bounds_ns[i] : Infinity;
    }
  }
  return 0;
}

function bound(ns) {
  const last = page.state.bounds_ns[page.state.bounds_ns.length - 1];
  return ns === Infinity ? `over ${span(last)}` : `≤ ${span(ns)}`;
}

function tiles() {
  const { loop, counters } = page.state;
  const found = [];
  if (page.tasks) {
    const counts = countStates();
    const parts = [['waiting', 'wait'], ['ready', 'ready'], ['new', 'new']]
      .filter(([state]) => counts[state] > 0).map(([state, word]) => `${number(counts[state])} ${word}`);
    found.push(['Tasks', number(page.tasks.count), parts.join(', ')]);
  }
  if (counters) {
    found.push(['Created', number(counters.tasks_created), rate('tasks_created')]);
    found.push(['Rounds of the loop', number(counters.iterations), rate('iterations')]);
  }
  const steps = (page.state.histograms || []).find((one) => one.name === 'step_time');
  if (steps && page.state.is_timed && steps.count > 0) {
    found.push(['99 of 100 steps take', bound(quantile(steps, 0.99)), `of ${plural(steps.count, 'step')}`]);
  }
  if (counters) {
    found.push(['Stacks', number(counters.stacks), `${bytes(counters.stack_bytes)} of addresses`]);
  }
  if (loop.capture_ns !== undefined) {
    found.push(['To look at the tasks', span(loop.capture_ns), 'of the loop’s time']);
  }
  return found;
}

function rate(counter) {
  const value = page.rates[counter];
  return value === undefined ? 'since the start' : `${number(Math.round(value))} a second`;
}

function showTiles() {
  reconcile($('tiles'), tiles(), ([title]) => title,
    ([title]) => element('div', {}, element('dt', {}, title),
      element('dd', { className: 'number' }), element('dd', { className: 'more' })),
    (node, [, value, more]) => {
      setText(node.children[1], value);
      setText(node.children[2], more);
    });
}

function showHead() {
  const { program, pid, version, loop } = page.state;
  document.title = `${program} – coil console`;
  setText($('program'), program);
  setText($('about'), `process ${pid} · ${loop.backend} · coil ${version}` +
    (loop.debug ? ' · debug mode' : ''));
}

/* --- places --- */

function showPlaces() {
  const groups = new Map();
  const found = filtered();
  for (const task of found) {
    const group = groups.get(task.stack) || { stack: task.stack, frames: stackOf(task), tasks: [] };
    group.tasks.push(task);
    groups.set(task.stack, group);
  }
  const places = [...groups.values()].sort((a, b) => b.tasks.length - a.tasks.length);
  reconcile($('places'), places.slice(0, MOST_PLACES), (place) => place.frames.join('\n'), () =>
    element('li', {}, element('div', { className: 'place-head' }, element('span', { className: 'count' }),
      element('span', { className: 'soft' })), element('div', { className: 'share' }, element('div', {})),
    element('ol', { className: 'stack' })), (node, place) => {
    const waits = new Set(place.tasks.map((task) => task.wait || STATES[task.state]));
    const names = place.tasks.slice(0, 4).map(label).join(', ');
    const left = place.tasks.length - 4;
    setText(node.querySelector('.count'), plural(place.tasks.length, 'task'));
    setText(node.querySelector('.soft'),
      `${[...waits].slice(0, 4).join(', ')} – ${names}${left > 0 ? ` and ${number(left)} more` : ''}`);
    node.querySelector('.share').firstChild.style.width =
      `${(100 * place.tasks.length / Math.max(found.length, 1)).toFixed(1)}%`;
    fillStack(node.querySelector('.stack'), place.frames);
  });
  showNotice(Math.min(places.length, MOST_PLACES), places.length, 'place');
}

/* --- times --- */

const HISTOGRAMS = {
  step_time: ['Steps', 'What a task does from one wait to the next, or one callback. A long step holds up all others.'],
  ready_wait: ['Ready, and not run yet', 'How long a task that could go on stood in the queue before it did.'],
  timer_late: ['Timers, late by', 'How long after its time a timer was served.'],
  io_wait: ['Asleep', 'How long the loop slept when it had nothing to do. Long is good.'],
  answer_time: ['Answers to this console', 'How long the loop took to tell what its tasks do.'],
};

/* What has come since the page was opened, or all. */
function chosen(histogram) {
  const first = $('since').value === 'page' && page.first &&
    page.first.find((one) => one.name === histogram.name);
  return !first ? histogram : {
    name: histogram.name,
    count: histogram.count - first.count,
    sum_ns: histogram.sum_ns - first.sum_ns,
    buckets: histogram.buckets.map((count, i) => count - first.buckets[i]),
  };
}

const WIDTH = 400;
const HEIGHT = 130;
const BASE = 108;

/* One bar for each bucket; their heights by the root of the count, so that a single outlier can
 * still be seen beside a million. */
function drawBars(chart, histogram) {
  const { buckets } = histogram;
  const { bounds_ns: bounds } = page.state;
  const most = Math.sqrt(Math.max(1, ...buckets));
  const width = WIDTH / buckets.length;
  const nodes = [svg('line', { x1: 0, x2: WIDTH, y1: BASE + 0.5, y2: BASE + 0.5 })];
  const isBad = histogram.name !== 'io_wait';
  buckets.forEach((count, i) => {
    const height = count === 0 ? 0 : Math.max(2, Math.sqrt(count) / most * (BASE - 6));
    const least = i === 0 ? 0 : bounds[i - 1];
    const range = i < bounds.length ? `${span(least)} to ${span(bounds[i])}` : `over ${span(least)}`;
    nodes.push(svg('rect', { class: isBad && least >= 1e8 ? 'bar slow' : 'bar', x: i * width + 1, y: BASE - height,
      width: width - 2, height, rx: 1 }));
    nodes.push(svg('rect', { class: 'hit', x: i * width, y: 0, width, height: BASE },
      svg('title', {}, `${range}: ${number(count)}`)));
  });
  [[0, '1 µs'], [10, '1 ms'], [20, '1 s']].forEach(([bucket, text]) => {
    const x = (bucket + 1) * width;
    nodes.push(svg('line', { x1: x, x2: x, y1: BASE, y2: BASE + 5 }));
    nodes.push(svg('text', { x, y: HEIGHT - 6, 'text-anchor': bucket === 0 ? 'start' : 'middle' }, text));
  });
  chart.replaceChildren(...nodes);
}

function updateHistogram(node, histogram) {
  const [title, help, figures, chart] = node.children;
  const told = JSON.stringify(histogram);
  if (node.told === told) {
    return;
  }
  node.told = told;
  const parts = histogram.count === 0 ? ['nothing yet']
    : [number(histogram.count), `mean ${span(histogram.sum_ns / histogram.count)}`,
      `half ${bound(quantile(histogram, 0.5))}`, `99 of 100 ${bound(quantile(histogram, 0.99))}`,
      `all ${bound(quantile(histogram, 1))}`];
  const text = parts.join(' · ');
  setText(title, HISTOGRAMS[histogram.name][0]);
  setText(help, HISTOGRAMS[histogram.name][1]);
  figures.replaceChildren(...parts.map((part) => element('span', {}, part)));
  chart.setAttribute('aria-label', `${title.textContent}: ${text}`);
  drawBars(chart, histogram);
}

function showTimes() {
  const { is_timed: isTimed, histograms = [] } = page.state;
  const order = Object.keys(HISTOGRAMS);
  const shown = histograms.filter((one) => order.includes(one.name) && (isTimed || one.name === 'answer_time'));
  shown.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  $('not-timed').hidden = Boolean(isTimed);
  $('notice').hidden = true;
  reconcile($('histograms'), shown.map(chosen), (one) => one.name, () =>
    element('section', { className: 'histogram' }, element('h3', {}), element('p', {}),
      element('p', { className: 'figures' }),
      svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img' })), updateHistogram);
}

/* --- stalls --- */

function stallName(stall) {
  return stall.task ? label({ name: stall.task, id: stall.id }) : 'A callback';
}

function ago(ns) {
  const when = new Date(Date.now() - ns / 1e6);
  return `${span(ns)} ago, at ${when.toLocaleTimeString('en-GB')}`;
}

function showStalls() {
  const { stalls = [], stall_limit_ns: limit } = page.state;
  $('notice').hidden = true;
  setText($('stall-hint'), limit === undefined || limit === null
    ? 'There is no watchdog: nobody looks for steps that take long.'
    : `Steps that held up the loop for longer than ${span(limit)}, the newest first` +
      (stalls.length === 0 ? ': none so far.' : '.'));
  reconcile($('stalls'), stalls, (stall) => stall.serial, () =>
    element('li', {}, element('div', { className: 'stall-head' }, element('span', { className: 'span' }),
      element('strong', {}), element('span', {}), element('span', { className: 'soft' })),
    element('ol', { className: 'stack' })), (node, stall) => {
    const [length, who, what, when] = node.firstChild.children;
    node.className = stall.is_over ? '' : 'now';
    setText(length, span(stall.span_ns) + (stall.is_over ? '' : ' so far'));
    setText(who, stallName(stall));
    setText(what, (stall.is_in_syscall ? 'in a system call' : '') +
      (stall.site ? `${stall.is_in_syscall ? '; ' : ''}created at ${stall.site}` : ''));
    setText(when, `began ${ago(stall.ago_ns)}`);
    fillStack(node.lastChild, stall.stack);
  });
}

function showStallCount() {
  const count = (page.state.stalls || []).length;
  $('stall-count').hidden = count === 0;
  setText($('stall-count'), String(count));
}

/* --- all of it --- */

const VIEWS = { tasks: showTasks, tree: showTree, places: showPlaces, times: showTimes, stalls: showStalls };

function draw() {
  showStatus();
  showAlarm();
  if (!page.state) {
    return;
  }
  showHead();
  showTiles();
  showStallCount();
  if (page.tasks || page.view === 'times' || page.view === 'stalls') {
    VIEWS[page.view]();
  } else {
    setText($('notice'), page.state.loop.error
      ? `The tasks could not be had: ${page.state.loop.error}.` : 'The loop has not answered yet.');
    $('notice').hidden = false;
  }
  document.body.dataset.serial = page.state.serial; // for who drives this page
}

function show(view) {
  page.view = VIEWS[view] ? view : 'tasks';
  for (const name of Object.keys(VIEWS)) {
    const tab = $(`tab-${name}`);
    const isShown = name === page.view;
    tab.setAttribute('aria-selected', String(isShown));
    tab.tabIndex = isShown ? 0 : -1;
    $(`view-${name}`).hidden = !isShown;
  }
  if (location.hash !== `#${page.view}`) {
    history.replaceState(null, '', `#${page.view}`);
  }
  draw();
}

/* --- what comes from the program --- */

function takeTasks(tasks) {
  page.tasks = tasks;
  page.byId = new Map(tasks.list.map((task) => [task.id, task]));
  page.awaiters = new Map();
  for (const task of tasks.list) {
    for (const id of task.awaits || []) {
      const known = page.awaiters.get(id);
      if (known) {
        known.push(task.id);
      } else {
        page.awaiters.set(id, [task.id]);
      }
    }
  }
  const live = (id) => page.byId.has(id);
  page.opened = new Set([...page.opened].filter(live));
  page.folded = new Set([...page.folded].filter(live));
}

function takeRates(counters) {
  const now = performance.now();
  if (page.before && counters) {
    const seconds = Math.max((now - page.before.at) / 1000, 0.001);
    for (const name of Object.keys(counters)) {
      page.rates[name] = Math.max(0, (counters[name] - page.before.counters[name]) / seconds);
    }
  }
  page.before = counters ? { at: now, counters } : null;
}

function take(answer) {
  if (page.state && page.state.pid !== answer.pid) { // another process has the port now
    page.first = page.before = page.tasks = null;
    page.rates = {};
  }
  page.trouble = null;
  page.state = answer;
  page.first = page.first || answer.histograms || null;
  takeRates(answer.counters);
  if (answer.tasks) {
    takeTasks(answer.tasks);
  }
}

async function ask() {
  const seen = page.state && page.tasks ? page.state.serial : 0;
  const response = await fetch(`state.json?seen=${seen}`, { signal: AbortSignal.timeout(PATIENCE) });
  if (!response.ok) {
    throw new Error(`it answers ${response.status} ${response.statusText}`);
  }
  take(await response.json());
}

async function round() {
  if (!page.isPaused && !document.hidden) {
    try {
      await ask();
    } catch (error) {
      page.trouble = error.name === 'TimeoutError' ? 'no answer in time' : error.message || String(error);
    }
    if (!page.isPaused) {
      draw();
    }
  }
  setTimeout(round, PERIOD);
}

/* --- what the user does --- */

function setPaused(isPaused) {
  page.isPaused = isPaused;
  $('pause').setAttribute('aria-pressed', String(isPaused));
  setText($('pause'), isPaused ? 'Go on' : 'Pause');
  draw();
}

function onTabKey(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step && event.target.getAttribute('role') === 'tab') {
    const names = Object.keys(VIEWS);
    const next = names[(names.indexOf(page.view) + step + names.length) % names.length];
    event.preventDefault();
    show(next);
    $(`tab-${next}`).focus();
  }
}

function onKey(event) {
  const isTyping = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.ctrlKey || event.metaKey || event.altKey) {
    return;
  }
  if (event.key === 'Escape' && event.target === $('filter')) {
    $('filter').value = page.filter = '';
    draw();
  } else if (!isTyping && event.key === '/') {
    event.preventDefault();
    $('filter').focus();
  } else if (!isTyping && event.key === 'p') {
    setPaused(!page.isPaused);
  }
}

function start() {
  for (const name of Object.keys(VIEWS)) {
    $(`tab-${name}`).addEventListener('click', () => show(name));
  }
  $('pause').addEventListener('click', () => setPaused(!page.isPaused));
  $('since').addEventListener('change', draw);
  $('filter').addEventListener('input', (event) => {
    page.filter = event.target.value;
    draw();
  });
  $('tree').addEventListener('keydown', onTreeKey);
  document.querySelector('nav').addEventListener('keydown', onTabKey);
  document.addEventListener('keydown', onKey);
  window.addEventListener('hashchange', () => show(location.hash.slice(1)));
  show(location.hash.slice(1));
  round();
}

start();
