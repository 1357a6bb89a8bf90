/** The length of a text as the gateway counts it: the code points of the text as it is stored. */
export const codePoints = (text: string): number => [...text.normalize('NFC').replace(/\r\n?/g, '\n').trim()].length;
