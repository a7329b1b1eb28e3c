// Times the official SDKs' own quote functions, offline. Reads {"now", "seconds", "cases": [{"sdk", "pool", "a_to_b",
// "amount_in"}]} from standard input, pools as in tests/vectors, and writes for each case {"amount_out", "us": […]}: the
// mean time of a quote in each batch, in µs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const BN = require("bn.js");
const Decimal = require("decimal.js");
const { CurveCalculator, FeeOn, Raydium } = require("@raydium-io/raydium-sdk-v2");
const DLMM = require("@meteora-ag/dlmm");
const damm = require("@meteora-ag/cp-amm-sdk");

const ZERO = new BN(0);
const SLIPPAGE_BPS = 50;
const BATCH_NS = 1e6;
const raydium = new Raydium({ connection: {} });
const [MINT_A, MINT_B] = ["A", "B"];

// Each makes of a case a function without arguments that returns the amount out.
const QUOTES = {
  "CurveCalculator.swapBaseInput"({ pool, a_to_b, amountIn }) {
    const [a, b] = [new BN(pool.reserve_0), new BN(pool.reserve_1)];
    const [x, y] = a_to_b ? [a, b] : [b, a];
    const [trade, creator, protocol, fund] = ratesOf(pool);
    return () => CurveCalculator.swapBaseInput(amountIn, x, y, trade, creator, protocol, fund, true).outputAmount;
  },

  "CpmmModule.computeSwapAmount"({ pool, a_to_b, amountIn }) {
    const [tradeFeeRate, creatorFeeRate, protocolFeeRate, fundFeeRate] = ratesOf(pool);
    const request = {
      pool: {
        mintA: { address: MINT_A },
        mintB: { address: MINT_B },
        baseReserve: new BN(pool.reserve_0),
        quoteReserve: new BN(pool.reserve_1),
        poolPrice: new Decimal(pool.reserve_1).div(pool.reserve_0),
        configInfo: { tradeFeeRate, creatorFeeRate, protocolFeeRate, fundFeeRate },
        feeOn: FeeOn.BothToken,
      },
      amountIn,
      outputMint: a_to_b ? MINT_B : MINT_A,
      slippage: SLIPPAGE_BPS / 1e4,
    };
    return () => raydium.cpmm.computeSwapAmount(request).amountOut;
  },

  "Liquidity.computeAmountOut"({ pool, a_to_b, amountIn }) {
    const request = {
      poolInfo: {
        version: 4,
        mintA: { address: MINT_A, decimals: pool.decimals_coin },
        mintB: { address: MINT_B, decimals: pool.decimals_pc },
        baseReserve: new BN(pool.reserve_coin),
        quoteReserve: new BN(pool.reserve_pc),
      },
      amountIn,
      mintIn: a_to_b ? MINT_A : MINT_B,
      mintOut: a_to_b ? MINT_B : MINT_A,
      slippage: SLIPPAGE_BPS / 1e4,
    };
    return () => raydium.liquidity.computeAmountOut(request).amountOut;
  },

  "DLMM.swapQuote"({ pool, a_to_b, amountIn }) {
    const arrays = binArrays(pool);
    const token = (mint) => ({ mint: { address: mint, tlvData: Buffer.alloc(0) } });
    const pair = new DLMM(null, null, lbPair(pool, arrays), null, token(MINT_A), token(MINT_B), [], { epoch: ZERO });
    const slippage = new BN(SLIPPAGE_BPS);
    return () => pair.swapQuote(amountIn, a_to_b, slippage, arrays, false).outAmount;
  },

  "swapQuoteExactInput"({ pool, a_to_b, amountIn }) {
    const data = Buffer.alloc(32);
    data.writeBigUInt64LE(BigInt(pool.base_fee_numerator_1e9));
    const state = {
      poolStatus: 0,
      activationPoint: ZERO,
      collectFeeMode: pool.collect_fee_mode,
      feeVersion: 0,
      liquidity: new BN(pool.liquidity),
      sqrtPrice: new BN(pool.sqrt_price_x64),
      sqrtMinPrice: damm.MIN_SQRT_PRICE,
      sqrtMaxPrice: damm.MAX_SQRT_PRICE,
      poolFees: {
        baseFee: { baseFeeInfo: { data: [...data] } },
        dynamicFee: { initialized: 0 },
        protocolFeePercent: pool.protocol_fee_percent,
        compoundingFeeBps: 0,
        initSqrtPrice: ZERO,
      },
    };
    return () =>
      damm.swapQuoteExactInput(state, ZERO, amountIn, SLIPPAGE_BPS / 100, a_to_b, false, 9, 6).outputAmount;
  },
};

function ratesOf(pool) {
  return ["trade", "creator", "protocol", "fund"].map((kind) => new BN(pool[`${kind}_fee_rate`]));
}

function binArrays(pool) {
  const size = DLMM.MAX_BIN_ARRAY_SIZE.toNumber();
  const arrays = new Map();
  for (const bin of pool.bins) {
    const index = Math.floor(bin.id / size);
    if (!arrays.has(index)) {
      const bins = Array.from({ length: size }, (_, offset) => emptyBin(index * size + offset, pool.bin_step));
      arrays.set(index, { publicKey: String(index), account: { index: new BN(index), bins } });
    }
    Object.assign(arrays.get(index).account.bins[bin.id - index * size], {
      amountX: new BN(bin.amount_x),
      amountY: new BN(bin.amount_y),
      price: new BN(bin.price_q64),
      limitOrderAskSide: Number(bin.limit_order_ask_side ?? false),
      openOrderAmount: new BN(bin.open_order_amount ?? 0),
      processedOrderRemainingAmount: new BN(bin.processed_order_remaining_amount ?? 0),
    });
  }
  return [...arrays.values()];
}

function emptyBin(id, binStep) {
  return {
    amountX: ZERO,
    amountY: ZERO,
    price: DLMM.getQPriceFromId(new BN(id), new BN(binStep)),
    limitOrderAskSide: 0,
    openOrderAmount: ZERO,
    processedOrderRemainingAmount: ZERO,
  };
}

function lbPair(pool, arrays) {
  const { parameters: s, v_parameters: v } = pool;
  const bitmap = Array.from({ length: 16 }, () => 0n);
  for (const { account } of arrays) {
    const bit = account.index.toNumber() + 512;
    bitmap[bit >> 6] |= 1n << BigInt(bit & 63);
  }
  return {
    activeId: pool.active_id,
    binStep: pool.bin_step,
    binArrayBitmap: bitmap.map((word) => new BN(word.toString())),
    parameters: {
      baseFactor: s.base_factor,
      filterPeriod: s.filter_period,
      decayPeriod: s.decay_period,
      reductionFactor: s.reduction_factor,
      variableFeeControl: s.variable_fee_control,
      maxVolatilityAccumulator: s.max_volatility_accumulator,
      protocolShare: s.protocol_share,
      baseFeePowerFactor: s.base_fee_power_factor,
      functionType: s.function_type,
      collectFeeMode: s.collect_fee_mode,
    },
    vParameters: {
      volatilityAccumulator: v.volatility_accumulator,
      volatilityReference: v.volatility_reference,
      indexReference: v.index_reference,
      lastUpdateTimestamp: new BN(v.last_update_timestamp),
    },
  };
}

function* batches(quote, seconds) {
  let size = 1;
  const end = performance.now() + seconds * 1e3;
  while (performance.now() < end) {
    const started = process.hrtime.bigint();
    for (let n = 0; n < size; n++) quote();
    const took = Number(process.hrtime.bigint() - started);
    yield took / 1e3 / size;
    if (took < BATCH_NS / 2) size *= 2;
  }
}

const { now, seconds, cases } = JSON.parse(readFileSync(0, "utf8"));
// The one clock that the SDKs read.
Date.now = () => now * 1e3;
const answers = cases.map((given) => {
  const quote = QUOTES[given.sdk]({ ...given, amountIn: new BN(given.amount_in) });
  const amountOut = quote().toString();
  for (const _ of batches(quote, seconds)); // meanwhile V8 compiles what is hot
  return { amount_out: amountOut, us: [...batches(quote, seconds)] };
});
process.stdout.write(JSON.stringify(answers));
