// Numbers as people type them. A comma and a point are both decimal signs; what can be read in two ways is
// asked about.

const NUMBER = /^\d+(?:[.,]\d+)?$/;
const GROUPED = /^[1-9]\d{0,2}([.,\u0020\u00a0\u202f'])\d{3}(?:\1\d{3})*(?:([.,])\d+)?$/;
const UNCLEAR = /^[1-9]\d{0,2}[.,]\d{3}$/;
const FRACTION = /^(?:(\d+)\s+)?(\d+)\s*[/⁄]\s*([1-9]\d*)$/;
const SIGN = /^(\d*)\s*([½¼¾⅓⅔])$/;
const SIGNS = { "½": 1 / 2, "¼": 1 / 4, "¾": 3 / 4, "⅓": 1 / 3, "⅔": 2 / 3 };
const DIGITS = 4; // decimals of a fraction

const rounded = (number) => Number(number.toFixed(DIGITS));

const decimal = (text) => Number(text.replace(",", "."));

// What is typed -> { value }, a number or null where nothing is typed; or { fault }, a sentence.
export function readNumber(typed) {
  const text = typed.trim();
  if (!text) return { value: null };
  if (UNCLEAR.test(text)) {
    const [whole, part] = text.split(/[.,]/);
    return { fault: `“${text}” is unclear. Write ${whole}${part}, or ${whole}.${part}0 for a decimal.` };
  }
  if (NUMBER.test(text)) return { value: decimal(text) };
  const grouped = GROUPED.exec(text);
  // One sign cannot be both: 1.234.5 has no end.
  if (grouped && grouped[1] !== grouped[2]) {
    const [body, part = "0"] = grouped[2] ? text.split(grouped[2]) : [text];
    return { value: Number(`${body.replace(/\D/g, "")}.${part}`) };
  }
  const fraction = FRACTION.exec(text);
  if (fraction)
    return { value: rounded(Number(fraction[1] ?? 0) + Number(fraction[2]) / Number(fraction[3])) };
  const sign = SIGN.exec(text);
  if (sign) return { value: rounded(Number(sign[1] || 0) + SIGNS[sign[2]]) };
  if (/^[-−]\s*[\d.,]+$/.test(text)) return { fault: "An amount is a number from 0 on." };
  return { fault: `“${text}” is not a number. Write it as 120, 12.5, 12,5 or 1/2.` };
}

// A share in percent -> { value } in [0, 1], or { fault }.
export function readShare(typed) {
  const { value, fault } = readNumber(typed.replace(/\s*%$/, ""));
  if (fault) return { fault };
  return value > 100 ? { fault: "A share is at most 100 %." } : { value: (value ?? 0) / 100 };
}
