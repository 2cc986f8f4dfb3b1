/* console.js - the console's page: asks for the state every second and draws it.
 *
 * What comes from the program (names, files, reasons) is text, and becomes nodes of text only: no
 * string is ever taken for HTML. What is drawn is bounded; where something is left out, it says so.
 */
'use strict';

const PERIOD = 1000; // between two questions, in ms
const PATIENCE = 8000; // for an answer
const MOST_ROWS = 500;
const MOST_NODES = 500;
const MOST_PLACES = 50;

const $ = (id) => document.getElementById(id);

/* What the page knows, and what it was told to do with it. */
const page = {
  state: null, // the last answer, without its tasks
  tasks: null, // the last tasks, as they came
  byId: new Map(),
  awaiters: new Map(), // id -> ids of those that await it
  first: null, // the histograms and counters of the first answer
  before: null, // the counters of the answer before, and when it came
  rates: {},
  view: 'tasks',
  filter: '',
  sort: 'id',
  isDescending: false,
  opened: new Set(), // ids of tasks whose details are shown
  folded: new Set(), // ids of nodes of the tree whose children are not
  current: null, // the key of the tree's node that takes the focus
  isPaused: false,
  trouble: null, // why there was no answer
};

/* --- nodes --- */

/* An element with properties, attributes and children (nodes, or text). */
function element(tag, properties, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties || {})) {
    if (name in node) {
      node[name] = value;
    } else {
      node.setAttribute(name, value);
    }
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

function svg(tag, attributes, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) {
    node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) {
    node.textContent = text;
  }
}

/* Makes the children of `parent` those of `items`: nodes are kept by key, so that focus, selection
 * and scroll stay where they are. */
function reconcile(parent, items, keyOf, make, update) {
  const before = parent.nodes || new Map();
  const after = new Map();
  const focused = document.activeElement;
  for (const item of items) {
    const key = keyOf(item);
    after.set(key, before.get(key) || make(item));
  }
  for (const [key, node] of before) {
    if (!after.has(key)) {
      node.remove();
    }
  }
  let place = parent.firstChild;
  for (const item of items) {
    const node = after.get(keyOf(item));
    update(node, item);
    if (node === place) {
      place = place.nextSibling;
    } else {
      parent.insertBefore(node, place);
    }
  }
  parent.nodes = after;
  if (focused !== document.activeElement && parent.contains(focused)) {
    focused.focus({ preventScroll: true });
  }
}

/* --- words --- */

const number = (value) => value.toLocaleString('en');
const plural = (count, noun) => `${number(count)} ${noun}${count === 1 ? '' : 's'}`;

function span(ns) {
  const units = [[1e3, 1, 'ns'], [1e6, 1e3, 'µs'], [1e9, 1e6, 'ms'], [120e9, 1e9, 's'],
    [7200e9, 60e9, 'min'], [Infinity, 3600e9, 'h']];
  const [, size, name] = units.find(([limit]) => ns < limit);
  const value = ns / size;
  return `${value < 10 && size > 1 ? value.toFixed(1) : Math.round(value)} ${name}`;
}

function bytes(count) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (count >= 1024 && unit < units.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${count < 10 && unit > 0 ? count.toFixed(1) : Math.round(count)} ${units[unit]}`;
}

/* A task as reports name it: its number too, unless the name is only that. */
function label(task) {
  return task.name === `task-${task.id}` ? task.name : `${task.name} (${task.id})`;
}

function labelOf(id) {
  const task = page.byId.get(id);
  return task ? label(task) : `task ${id}`;
}

function waitOf(task) {
  if (task.state !== 'waiting') {
    return '';
  }
  const parts = [task.wait];
  if (task.holder) {
    parts.push(`held by ${labelOf(task.holder)}`);
  } else if (task.held_by) {
    parts.push(`held by ${task.held_by}`);
  }
  if (task.fd !== undefined) {
    parts.push(`descriptor ${task.fd}`);
  }
  if (task.left_ns !== undefined) {
    parts.push(`${span(task.left_ns)} more`);
  }
  return parts.join(', ');
}

function cancelOf(task) {
  if (!task.cancel) {
    return '';
  }
  const cancel = task.cancel;
  return (cancel.shielded ? 'to be cancelled after a shield' : 'cancelled') +
    ` (${cancel.error})` + (cancel.site ? ` by ${cancel.site}` : '') +
    (cancel.reason ? `: ${cancel.reason}` : '');
}

const isInside = (frame) => frame.startsWith('coil_');

function stackOf(task) {
  return page.tasks.stacks[task.stack] || [];
}

/* The innermost frame of the program's own. */
function whereOf(task) {
  const stack = stackOf(task);
  return stack.find((frame) => !isInside(frame)) || stack[0] || '';
}

const STATES = { new: 'new', ready: 'ready', running: 'runs', waiting: 'waits' };

function stateOf(task) {
  return task.cancel && !task.cancel.shielded ? 'cancelled' : task.state;
}

function chip(task) {
  const node = element('span', { className: 'chip' });
  updateChip(node, task);
  return node;
}

function updateChip(node, task) {
  node.dataset.state = stateOf(task);
  setText(node, task.cancel ? `${STATES[task.state]}, cancelled` : STATES[task.state]);
}

function fillStack(list, frames) {
  reconcile(list, frames.map((frame, i) => ({ frame, key: `${i} ${frame}` })), (item) => item.key,
    (item) => element('li', { className: isInside(item.frame) ? 'inside' : '' }, item.frame),
    () => {});
}

/* What the filter looks through. */
function textOf(task) {
  if (!task.text) {
    task.text = [label(task), STATES[task.state], task.state, waitOf(task), cancelOf(task),
      task.site || '', ...stackOf(task)].join('\n').toLowerCase();
  }
  return task.text;
}

function filtered() {
  const words = page.filter.toLowerCase().split(/\s+/).filter((word) => word);
  return page.tasks.list.filter((task) => words.every((word) => textOf(task).includes(word)));
}

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

/* --- tasks --- */

const byText = (get) => (a, b) => get(a).localeCompare(get(b), 'en', { numeric: true });
const byNumber = (get) => (a, b) => get(a) - get(b);
const awaitersOf = (task) => (page.awaiters.get(task.id) || []).map(labelOf).join(', ');

const COLUMNS = [
  { key: 'id', title: 'No.', text: (task) => String(task.id), compare: byNumber((t) => t.id), className: 'number-column soft', isNumber: true },
  { key: 'name', title: 'Task', text: (task) => task.name, compare: byText((t) => t.name) },
  { key: 'state', title: 'State', text: stateOf, compare: byText(stateOf) },
  { key: 'wait', title: 'Waits for', text: waitOf, compare: byText(waitOf) },
  { key: 'waited', title: 'For', text: (task) => task.waited_ns === undefined ? '' : span(task.waited_ns),
    compare: byNumber((t) => t.waited_ns === undefined ? -1 : t.waited_ns), className: 'number-column', isNumber: true, isOptional: true },
  { key: 'where', title: 'Where', text: whereOf, compare: byText(whereOf), className: 'code' },
  { key: 'awaiter', title: 'Awaited by', text: awaitersOf, compare: byText(awaitersOf) },
  { key: 'site', title: 'Created', text: (task) => task.site || '', compare: byText((t) => t.site || ''), className: 'code soft' },
];

/* How long tasks have waited is known in debug mode only. */
function columns() {
  const isKnown = page.tasks.list.some((task) => task.waited_ns !== undefined);
  return COLUMNS.filter((column) => !column.isOptional || isKnown);
}

function sortBy(key) {
  page.isDescending = page.sort === key ? !page.isDescending : false;
  page.sort = key;
  draw();
}

function showColumns() {
  reconcile($('columns'), columns(), (column) => column.key, (column) => {
    const button = element('button', { type: 'button' }, column.title);
    button.addEventListener('click', () => sortBy(column.key));
    return element('th', { scope: 'col', className: column.isNumber ? 'number-column' : '' }, button);
  }, (node, column) => {
    node.setAttribute('aria-sort', page.sort !== column.key ? 'none'
      : page.isDescending ? 'descending' : 'ascending');
  });
}

function toggle(set, key) {
  if (!set.delete(key)) {
    set.add(key);
  }
  draw();
}

function makeRow(task) {
  const row = element('tr', { className: 'task' });
  const name = element('button', { type: 'button', className: 'name' });
  name.addEventListener('click', () => toggle(page.opened, task.id));
  row.dataset.id = task.id;
  for (const column of COLUMNS) {
    const cell = element('td', { className: column.className || '' });
    cell.dataset.column = column.key;
    if (column.key === 'name') {
      cell.append(name);
    } else if (column.key === 'state') {
      cell.append(chip(task));
    }
    row.append(cell);
  }
  return row;
}

function updateRow(row, task, shown) {
  COLUMNS.forEach((column, i) => {
    const cell = row.children[i];
    cell.hidden = !shown.includes(column);
    if (column.key === 'state') {
      updateChip(cell.firstChild, task);
      return;
    }
    const text = column.text(task);
    setText(column.key === 'name' ? cell.firstChild : cell, text);
    if (column.className && column.className.includes('code')) {
      cell.title = text;
    }
  });
  row.querySelector('.name').setAttribute('aria-expanded', String(page.opened.has(task.id)));
}

/* A task of the same page to go to. */
function linkTo(id) {
  const button = element('button', { type: 'button', className: 'link' }, labelOf(id));
  button.addEventListener('click', () => {
    page.filter = '';
    $('filter').value = '';
    page.opened.add(id);
    show('tasks');
    const row = document.querySelector(`tr.task[data-id="${Number(id)}"] .name`);
    if (row) {
      row.scrollIntoView({ block: 'center' });
      row.focus();
    }
  });
  return button;
}

function addFact(list, title, ...values) {
  if (values.length > 0) {
    list.append(element('dt', {}, title), element('dd', {}, ...values));
  }
}

function updateDetails(row, task, shown) {
  const cell = row.firstChild;
  const awaiters = page.awaiters.get(task.id) || [];
  const awaits = task.awaits || [];
  const told = JSON.stringify([cancelOf(task), task.site, task.holder, awaiters, awaits, stackOf(task)]);
  cell.colSpan = shown.length;
  if (row.told === told) {
    return;
  }
  row.told = told;
  const facts = element('dl', { className: 'facts' });
  const stack = element('ol', { className: 'stack' });
  fillStack(stack, stackOf(task));
  addFact(facts, 'Stack', stack);
  addFact(facts, 'Awaits', ...awaits.slice(0, 20).map(linkTo),
    ...(awaits.length > 20 ? [`and ${number(awaits.length - 20)} more`] : []));
  addFact(facts, 'Awaited by', ...awaiters.slice(0, 20).map(linkTo));
  addFact(facts, 'Lock held by', ...(task.holder ? [linkTo(task.holder)] : []));
  addFact(facts, 'Cancel', ...(task.cancel ? [cancelOf(task)] : []));
  addFact(facts, 'Created', ...(task.site ? [element('span', { className: 'code' }, task.site)] : []));
  cell.replaceChildren(facts);
}

function showTasks() {
  const shown = columns();
  const column = COLUMNS.find((one) => one.key === page.sort);
  const found = filtered();
  const sign = page.isDescending ? -1 : 1;
  found.sort((a, b) => sign * column.compare(a, b) || a.id - b.id);
  const items = [];
  for (const task of found.slice(0, MOST_ROWS)) {
    items.push({ task, key: task.id });
    if (page.opened.has(task.id)) {
      items.push({ task, key: `more ${task.id}`, isMore: true });
    }
  }
  showColumns();
  reconcile($('rows'), items, (item) => item.key,
    (item) => item.isMore ? element('tr', { className: 'more-row' }, element('td', {})) : makeRow(item.task),
    (row, item) => (item.isMore ? updateDetails : updateRow)(row, item.task, shown));
  showNotice(Math.min(found.length, MOST_ROWS), found.length, 'task');
}

/* What is left out, and why. */
function showNotice(drawn, found, noun) {
  const { count, list } = page.tasks;
  const parts = [];
  if (found < list.length && page.filter) {
    parts.push(`${plural(found, noun)} of ${number(list.length)} match the filter.`);
  }
  if (drawn < found) {
    parts.push(`${number(drawn)} of ${number(found)} are drawn: filter to see others.`);
  }
  if (list.length < count) {
    parts.push(`Of ${plural(count, 'task')} the oldest ${number(list.length)} are sent.`);
  }
  setText($('notice'), parts.join(' '));
  $('notice').hidden = parts.length === 0;
}

/* --- the tree --- */

/* The tasks as lines with a depth, as coil_print_tasks has them: who was drawn already is only
 * referred to. A filter keeps what matches and the way there. */
function treeNodes() {
  const seen = new Set();
  const onPath = new Set();
  const nodes = [];
  const matches = new Set(filtered().map((task) => task.id));
  const kept = new Set();
  for (const id of matches) {
    const way = [id];
    while (way.length > 0) {
      const next = way.pop();
      if (!kept.has(next)) {
        kept.add(next);
        way.push(...(page.awaiters.get(next) || []));
      }
    }
  }
  const visit = (root) => {
    const path = [{ task: root, depth: 0, parent: '' }];
    while (path.length > 0 && nodes.length <= MOST_NODES) {
      const step = path.pop();
      if (step.leaves !== undefined) {
        onPath.delete(step.leaves);
        continue;
      }
      const { task, depth, parent } = step;
      const children = (task.awaits || []).filter((id) => page.byId.has(id) && kept.has(id));
      const isReference = seen.has(task.id);
      const isFolded = page.folded.has(task.id);
      const key = isReference ? `${parent} > ${task.id}` : String(task.id);
      nodes.push({ task, depth, key, isReference, isCycle: onPath.has(task.id),
        isFolded, hasChildren: children.length > 0 && !isReference });
      if (isReference) {
        continue;
      }
      seen.add(task.id);
      if (!isFolded) {
        onPath.add(task.id);
        path.push({ leaves: task.id });
        for (const id of children.reverse()) {
          path.push({ task: page.byId.get(id), depth: depth + 1, parent: task.id });
        }
      } else {
        hide(children, seen);
      }
    }
  };
  const roots = page.tasks.list.filter((task) => kept.has(task.id));
  for (const task of roots.filter((one) => !page.awaiters.has(one.id))) {
    visit(task);
  }
  for (const task of roots) {
    if (!seen.has(task.id)) {
      visit(task);
    }
  }
  return { nodes: nodes.slice(0, MOST_NODES), found: matches.size, isCut: nodes.length > MOST_NODES };
}

/* What stands below a folded node is not to turn up elsewhere as a root. */
function hide(ids, seen) {
  const way = [...ids];
  while (way.length > 0) {
    const id = way.pop();
    const task = page.byId.get(id);
    if (task && !seen.has(id)) {
      seen.add(id);
      way.push(...(task.awaits || []));
    }
  }
}

function makeNode() {
  const node = element('div', { className: 'node', role: 'treeitem', tabIndex: -1 },
    element('span', { className: 'twist', 'aria-hidden': 'true' }), element('span', { className: 'who' }),
    element('span', { className: 'chip' }), element('span', { className: 'wait' }),
    element('span', { className: 'code' }));
  node.firstChild.addEventListener('click', () => toggle(page.folded, node.item.task.id));
  node.querySelector('.who').addEventListener('dblclick', () => toggle(page.folded, node.item.task.id));
  node.addEventListener('click', () => {
    page.current = node.item.key;
    moveFocus(node);
  });
  return node;
}

function updateNode(node, item) {
  const [twist, who, state, wait, where] = node.children;
  node.item = item;
  node.style.setProperty('--depth', Math.min(item.depth, 30));
  node.setAttribute('aria-level', String(item.depth + 1));
  if (item.hasChildren) {
    node.setAttribute('aria-expanded', String(!item.isFolded));
  } else {
    node.removeAttribute('aria-expanded');
  }
  setText(twist, !item.hasChildren ? '' : item.isFolded ? '▸' : '▾');
  setText(who, label(item.task));
  updateChip(state, item.task);
  state.hidden = item.isReference;
  setText(wait, item.isReference ? (item.isCycle ? 'see above, a cycle' : 'see above') : waitOf(item.task));
  setText(where, item.isReference ? '' : whereOf(item.task));
  node.tabIndex = item.key === page.current ? 0 : -1;
}

function moveFocus(node) {
  if (node) {
    page.current = node.item.key;
    for (const other of $('tree').children) {
      other.tabIndex = other === node ? 0 : -1;
    }
    node.focus();
  }
}

function onTreeKey(event) {
  const node = event.target.closest('.node');
  if (!node) {
    return;
  }
  const { task, hasChildren, isFolded, depth } = node.item;
  const up = () => {
    let other = node.previousElementSibling;
    while (other && other.item.depth >= depth) {
      other = other.previousElementSibling;
    }
    moveFocus(other);
  };
  const actions = {
    ArrowDown: () => moveFocus(node.nextElementSibling),
    ArrowUp: () => moveFocus(node.previousElementSibling),
    Home: () => moveFocus($('tree').firstElementChild),
    End: () => moveFocus($('tree').lastElementChild),
    ArrowRight: () => hasChildren && isFolded ? toggle(page.folded, task.id) : moveFocus(node.nextElementSibling),
    ArrowLeft: () => hasChildren && !isFolded ? toggle(page.folded, task.id) : up(),
    Enter: () => hasChildren && toggle(page.folded, task.id),
  };
  if (actions[event.key]) {
    event.preventDefault();
    event.stopPropagation();
    actions[event.key]();
  }
}

function showTree() {
  const { nodes, found, isCut } = treeNodes();
  const cycle = page.tasks.cycle;
  if (!nodes.some((node) => node.key === page.current)) {
    page.current = nodes.length > 0 ? nodes[0].key : null;
  }
  $('cycle').hidden = cycle.length === 0;
  setText($('cycle'), cycle.length === 0 ? '' : `A cycle: ${[...cycle, cycle[0]].map(labelOf).join(' → ')}`);
  reconcile($('tree'), nodes, (item) => item.key, makeNode, updateNode);
  showNotice(isCut ? MOST_NODES : found, isCut ? Math.max(found, MOST_NODES + 1) : found, 'task');
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
