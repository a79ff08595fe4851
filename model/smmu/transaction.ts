/** A device access as it arrives at the SMMU, and how it ends (3.4, 13.1). The object is the caller's and may be reused. */
export interface Transaction {
  streamId: number;
  /** -1: none (SSV == 0). */
  substreamId: number;
  /** The 64-bit input address as two 32-bit halves. */
  addressHi: number;
  addressLo: number;
  write: boolean;
  privileged: boolean;
  instruction: boolean;
  /** Filled in: the physical address of an access that was let through, or -1. */
  outputAddress: number;
}

/** The access goes on to `outputAddress`. */
export const PASS = 0;
/** Answered with an abort. */
export const ABORT = 1;
/** Completed without effect: reads as zero, writes are ignored (5.5). */
export const RAZ_WI = 2;
