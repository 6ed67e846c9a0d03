// Shows the contract that this server serves. Text only: nothing of the document becomes markup.
const element = (name, text, className) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
};

const deref = (spec, value) => {
  while (value && value.$ref) {
    value = value.$ref.slice(2).split("/").reduce((at, key) => at[key], spec);
  }
  return value;
};

const operation = (spec, method, path, declared) => {
  const box = element("details");
  const line = element("summary");
  line.append(element("span", method.toUpperCase(), "method"), element("code", path), ` ${declared.summary ?? ""}`);
  box.append(line, element("p", declared.description));
  const parameters = (declared.parameters ?? []).map((parameter) => deref(spec, parameter));
  if (parameters.length) {
    const list = element("ul");
    for (const { name, in: place, description } of parameters) {
      const item = element("li");
      item.append(element("code", name), ` (${place}) ${description}`);
      list.append(item);
    }
    box.append(list);
  }
  const body = declared.requestBody?.content?.["application/json"];
  if (body) {
    box.append(element("p", "Body:"), element("pre", JSON.stringify(deref(spec, body.schema), null, 2)));
    if (body.example) box.append(element("p", "Example:"), element("pre", JSON.stringify(body.example, null, 2)));
  }
  const answers = element("ul");
  for (const [status, response] of Object.entries(declared.responses)) {
    const item = element("li");
    item.append(element("code", status), ` ${deref(spec, response).description}`);
    answers.append(item);
  }
  box.append(answers);
  return box;
};

fetch("/openapi.json")
  .then((answer) => answer.json())
  .then((spec) => {
    document.getElementById("title").textContent = `${spec.info.title} ${spec.info.version}`;
    document.getElementById("description").textContent = spec.info.description;
    const all = document.getElementById("operations");
    for (const { name, description } of spec.tags) {
      all.append(element("h2", name), element("p", description));
      for (const [path, methods] of Object.entries(spec.paths)) {
        for (const [method, declared] of Object.entries(methods)) {
          if (declared.tags?.includes(name)) all.append(operation(spec, method, path, declared));
        }
      }
    }
  })
  .catch(() => {
    document.getElementById("description").textContent = "The contract could not be read.";
  });
