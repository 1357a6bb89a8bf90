import { locale } from '../texts';

interface Amount {
  amount: string;
  currencyCode: string;
}

/** A price as people write it. A whole number has no decimals. */
export function formatMoney({ amount, currencyCode }: Amount): string {
  const isWhole = /^-?\d+(\.0*)?$/.test(amount);
  const format = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: currencyCode,
    currencyDisplay: 'narrowSymbol',
    minimumFractionDigits: isWhole ? 0 : 2,
  });
  // Decimals stay exact: the format takes a string of digits, which the types do not know yet.
  return format.format(amount as unknown as number);
}

export const Money = ({ value }: { value: Amount }) => <>{formatMoney(value)}</>;
