/** The mark of the house, drawn here so that it needs no request. */
export const Brand = () => (
  <>
    <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden>
      <rect width="32" height="32" rx="7" fill="var(--sk-accent)" />
      <path
        d="M22.5 9.2c-1.6-1.7-4-2.4-6.6-2.400-4 0-6.700 1.900-6.700 4.900 0 6.400 9.900 3.400 9.900 7.200 0 1.500-1.500 2.300-3.700 2.300-2.600 0-4.600-1-6-2.800"
        fill="none"
        stroke="#fff"
        strokeWidth="3.200"
        strokeLinecap="round"
      />
      <circle cx="22.800" cy="23.600" r="2.400" fill="#cfe0ff" />
    </svg>
    Skink
  </>
);
