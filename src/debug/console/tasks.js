/* tasks.js - the tasks, as a table and as a tree. */
'use strict';

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
