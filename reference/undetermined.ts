/** The reference cannot say: the scenario left what it covers. */
export class Undetermined extends Error {}
