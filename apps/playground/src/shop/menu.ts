/** Something to order. */
export interface Pizza {
  /** What an order says: `margherita`. */
  readonly name: string;
  readonly toppings: readonly string[];
  /** How long it is in the oven at speed 1. */
  readonly bakingMs: number;
}

/** All that the shop makes. */
export const MENU: readonly Pizza[] = Object.freeze([
  { name: "marinara", toppings: ["tomato", "garlic", "oregano"], bakingMs: 6_000 },
  { name: "margherita", toppings: ["tomato", "mozzarella", "basil"], bakingMs: 8_000 },
  { name: "funghi", toppings: ["tomato", "mozzarella", "mushrooms"], bakingMs: 10_000 },
  { name: "diavola", toppings: ["tomato", "mozzarella", "spicy salami"], bakingMs: 10_000 },
  { name: "quattro-formaggi", toppings: ["mozzarella", "gorgonzola", "fontina", "parmesan"], bakingMs: 12_000 },
  { name: "calzone", toppings: ["ricotta", "ham", "mozzarella"], bakingMs: 15_000 },
]);

/** The pizza of that name. */
export function findPizza(name: string): Pizza | undefined {
  return MENU.find((pizza) => pizza.name === name);
}
