/** Paths of the studio's icons, for a grid of 24 by 24. */

export const FILLED_PLAY = "M8 5.5v13l10.5-6.5z";
export const SEARCH = "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L20 20";
export const PLUS = "M12 5v14M5 12h14";
export const CLOSE = "M6 6l12 12M18 6L6 18";
export const BACK = "M15 5l-7 7 7 7";
export const FORWARD = "M9 5l7 7-7 7";
export const DELETE = "M4.5 6.5h15M9 6.5V4h6v2.5M6.5 6.5l1 13.5h9l1-13.5M10 10.5v6M14 10.5v6";
export const CHART = "M4 20h16M7 16v-5M12 16V6M17 16v-8";
export const IMAGE = "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15.5 9.5h.01";
export const CHEVRON = "M6 9.5l6 6 6-6";
export const SPARK = "M12 3.5l2 6.5 6.5 2-6.5 2-2 6.5-2-6.5-6.5-2 6.5-2z";
export const LEAVE = "M14 4.5H6v15h8M10.5 12H20M16.5 8.5L20 12l-3.5 3.5";
export const UP = "M12 19V5M6 11l6-6 6 6";
