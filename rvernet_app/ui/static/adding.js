// Photos come into a project: files, or a folder of the machine that serves the page.

async function addPhotos(sources) {
  const chosen = [...sources];
  const meal = find("#rv-add-meal").value.trim();
  find("#rv-add-meal").value = "";
  const problems = [];
  const of = project;
  stopAdding = false;
  for (const [index, { name, message }] of chosen.entries()) {
    if (stopAdding || project !== of) break;
    busy(`Adding photo ${index + 1} of ${chosen.length}…`, () => { stopAdding = true; });
    try {
      const added = await tell(message.folder === undefined ? "add_photo" : "add_from_folder", { project: of.id, meal, ...(await message.of()), folder: message.folder });
      if (added.problem) problems.push(`${name}: ${added.problem}`);
      else if (added.was_there) problems.push(`${name}: is in this project already`);
    } catch (error) {
      problems.push(`${name}: ${error.message}`);
    }
  }
  busy(null);
  if (project !== of) return;
  try {
    await list(true);
    showProgress((await tell("open_project", { project: of.id })).progress);
  } catch (error) {
    problems.push(error.message);
  }
  if (problems.length) complain(new Error(`${problems.length} of ${chosen.length} photos were not added. ${problems.slice(0, 3).join(" · ")}`));
  if (!current && listed.length) await openItem({ after: -1, order });
}
let stopAdding = false;

const addFiles = (files) => addPhotos([...files].map((file) => ({ name: file.name, message: { of: () => uploaded(file) } })));

async function addFolder(folder) {
  try {
    const { names } = await tell("list_folder", { folder });
    if (!names.length) throw new Error("There are no photos in this folder.");
    find("#rv-add-sheet").close();
    const mealOf = (name) => (find("#rv-meal-folders").checked && name.includes("/") ? { meal: name.slice(0, name.lastIndexOf("/")) } : {});
    await addPhotos(names.map((name) => ({ name, message: { folder, of: async () => ({ name, ...mealOf(name) }) } })));
  } catch (error) {
    complain(error);
  }
}
