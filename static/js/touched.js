// Whether a person has changed a control since the page was made.

export const CONTROLS = "input:not([type=hidden]), select, textarea";

export const isChoice = (control) => control.type === "checkbox" || control.type === "radio";

export function touched(control) {
  if (isChoice(control)) return control.checked !== control.defaultChecked;
  if (control.options) {
    const options = [...control.options];
    const preset = control.multiple || options.some((option) => option.defaultSelected);
    return preset ? options.some((option) => option.selected !== option.defaultSelected) : control.selectedIndex > 0;
  }
  return control.value !== control.defaultValue;
}
